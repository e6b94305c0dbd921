#!/bin/sh
# What jetson-containers runs in the image: which engines work, and why the others do not. It fails if
# none of NVIDIA's does.
set -eu
HANDFUL_STORE="$(mktemp -d)/store"
export HANDFUL_STORE
handful doctor
handful doctor --engine cuda
