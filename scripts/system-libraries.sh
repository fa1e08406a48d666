#!/bin/sh
# Sees to the system libraries that Qt, and a virtual screen, need on Linux.
#
#   scripts/system-libraries.sh                   what a Qt window needs
#   scripts/system-libraries.sh --virtual-screen  the same, and Xvfb
#
# Missing ones are installed with apt-get where that needs no question (root, or sudo without a
# password). Otherwise the exact command is printed and the status is 1. Other systems than Linux
# bring their own libraries: nothing to do there.
set -eu

[ "$(uname -s)" = Linux ] || exit 0

PATH="$PATH:/usr/sbin:/sbin"
loadable=$(ldconfig -p 2>/dev/null || true)
packages=""
wanted=""

library() { # shared object, Debian package
    case "$loadable" in
        *"$1"*) ;;
        *) packages="$packages $2"; wanted="$wanted $1" ;;
    esac
}

program() { # executable, Debian package
    command -v "$1" >/dev/null 2>&1 || { packages="$packages $2"; wanted="$wanted $1"; }
}

library libEGL.so.1 libegl1
library libGL.so.1 libgl1
library libOpenGL.so.0 libopengl0
library libGLX_mesa.so.0 libgl1-mesa-dri
library libglib-2.0.so.0 libglib2.0-0
library libfontconfig.so.1 libfontconfig1
library libdbus-1.so.3 libdbus-1-3
library libxkbcommon-x11.so.0 libxkbcommon-x11-0
library libX11-xcb.so.1 libx11-xcb1
library libxcb-cursor.so.0 libxcb-cursor0
library libxcb-icccm.so.4 libxcb-icccm4
library libxcb-keysyms.so.1 libxcb-keysyms1
library libxcb-shape.so.0 libxcb-shape0
if [ "${1:-}" = --virtual-screen ]; then
    program xvfb-run xvfb
    program xauth xauth
fi

[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Qt needs these, which this system lacks:$wanted" >&2
    echo "Install them with the system's package manager, then run the same command again." >&2
    exit 1
fi

install="apt-get install -y --no-install-recommends$packages"
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "Qt needs system libraries that are missing. Install them with:" >&2
    echo "    sudo apt-get update && sudo $install" >&2
    echo "then run the same command again." >&2
    exit 1
fi

echo "Installing the system libraries that Qt needs:$packages"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
$as_root $install
