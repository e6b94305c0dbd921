#!/bin/sh
# Starts the service with the options of the add-on, and nginx as its door.
set -eu

options="${HANDFUL_ADDON_OPTIONS:-/data/options.json}"
home="${HANDFUL_ADDON_DATA:-/data/handful}"
nginx="${HANDFUL_ADDON_NGINX:-/etc/nginx/handful.conf}"
unset HANDFUL_ADDON_OPTIONS HANDFUL_ADDON_DATA HANDFUL_ADDON_NGINX

option() {
  jq --raw-output "$1" "$options"
}

HANDFUL_LOG="$(option '.log // "warn"')"
HANDFUL_ALLOW_HOST="$(option '.allow_host // [] | join(",")')"
HANDFUL_MAX_STORE_BYTES="$(option '(.max_store_mib // 2048) * 1048576')"
export HANDFUL_LOG HANDFUL_ALLOW_HOST HANDFUL_MAX_STORE_BYTES
# 0 stands for the default of the service.
threads="$(option '.threads // 0')"
if [ "$threads" -gt 0 ]; then
  export HANDFUL_THREADS="$threads"
fi

export HANDFUL_LISTEN=unix:/tmp/handful.sock
export HANDFUL_TRUSTED_PROXY=unix
# Home Assistant has checked the user, and nginx lets only the Supervisor in.
export HANDFUL_INSECURE=true
export HANDFUL_STORE="$home/store"
export HANDFUL_BUNDLE="${HANDFUL_BUNDLE:-/usr/share/handful/bundles/efficientnet-lite0}"

mkdir -p "$home"
chown -R handful:handful "$home"

# Becomes a program of another user than root: neither needs a right of root.
as_handful() {
  exec setpriv --reuid=handful --regid=handful --clear-groups --no-new-privs -- "$@"
}

as_handful handful-server &
service=$!
as_handful nginx -c "$nginx" &
proxy=$!
trap 'kill -TERM "$proxy" "$service" 2>/dev/null || true' TERM INT

# One does not work without the other: whichever ends ends both.
while kill -0 "$service" 2>/dev/null && kill -0 "$proxy" 2>/dev/null; do
  sleep 1 &
  wait $! || true
done
kill -TERM "$proxy" "$service" 2>/dev/null || true
code=0
wait "$service" || code=$?
exit "$code"
