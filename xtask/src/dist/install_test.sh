#!/bin/sh
# install_test.sh ROOT OLD.deb NEW.deb IMAGE: what a user does with the package, in a clean root:
# install, start the unit's command as its user, open the page, enroll, upgrade, classify, remove,
# purge. Ends with the line "install test: passed".
set -eu

root=$1 old=$2 new=$3 image=$4
unit=$root/usr/lib/systemd/system/handful-server.service
log=$root/tmp/service.log
service=

fail() {
    echo "install test: $1" >&2
    [ ! -f "$log" ] || sed 's/^/  service: /' "$log" >&2
    exit 1
}

clean_up() {
    [ -z "$service" ] || kill -KILL "$service" 2>/dev/null || true
    umount "$root/proc" 2>/dev/null || true
    umount --recursive "$root/sys" 2>/dev/null || true
}
trap clean_up EXIT

# Without the variables of this machine, and with the PATH that dpkg wants.
inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        chroot "$root" "$@"
}

value_of() { sed -n "s/^$1=//p" "$unit"; }

# What systemd does for the unit, as far as files and variables go.
start_service() {
    command=$(value_of ExecStart)
    user=$(value_of User)
    group=$(value_of Group)
    : >"$log"
    variables=$(value_of Environment; cat "$root/etc/handful/handful.env")
    # shellcheck disable=SC2086 # The words of the unit are the words of the command.
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin $variables \
        chroot --userspec="$user:$group" "$root" $command >"$log" 2>&1 &
    service=$!
    waited=0
    until grep -q 'is listening on' "$log"; do
        kill -0 "$service" 2>/dev/null || fail "the service ended at its start"
        waited=$((waited + 1))
        [ "$waited" -lt 1200 ] || fail "the service was not ready after two minutes"
        sleep 0.1
    done
    url=$(sed -n 's/.*is listening on //p' "$log")
}

stop_service() {
    kill -TERM "$service"
    wait "$service" || fail "asked to stop, the service failed"
    service=
}

ask() { curl --silent --show-error --fail --max-time 600 "$@"; }

decision_of_image() {
    ask -H 'content-type: image/png' --data-binary "@$image" "$url/v1/galleries/default/classify"
}

mount -t proc proc "$root/proc"
# systemd-analyze of Debian 11 wants to see a control group.
mount --rbind --make-rslave /sys "$root/sys"

echo "install test: install $(basename "$old")"
cp "$old" "$root/tmp/old.deb"
cp "$new" "$root/tmp/new.deb"
inside dpkg -i /tmp/old.deb >/dev/null
inside getent passwd handful >/dev/null || fail "there is no user handful"
[ "$(inside stat -c %U:%a /var/lib/handful)" = handful:700 ] || fail "/var/lib/handful is not private"
[ -L "$root/etc/systemd/system/multi-user.target.wants/handful-server.service" ] ||
    fail "the service is not enabled"
# A setting of the administrator: a free port, so that nothing of this machine is in the way.
echo HANDFUL_LISTEN=127.0.0.1:0 >"$root/etc/handful/handful.env"
# An emulated processor takes longer for an image than the service usually lets a call take.
echo HANDFUL_DEADLINE_SECONDS=600 >>"$root/etc/handful/handful.env"
[ ! -x "$root/usr/bin/systemd-analyze" ] ||
    inside systemd-analyze verify --man=no handful-server.service || fail "the unit is wrong"

echo "install test: page, enroll"
start_service
ask "$url/" | grep -q '<html' || fail "/ is not the page"
ask -F "file=@$image" "$url/v1/galleries/default/classes/example/examples?create=true" >/dev/null
decision_of_image | grep -q '"label":"example"' || fail "the enrolled image is not recognized"
stop_service

echo "install test: upgrade to $(basename "$new")"
echo '# a line of the administrator' >>"$root/etc/handful/server.toml"
inside dpkg -i /tmp/new.deb >/dev/null
grep -q '^# a line of the administrator' "$root/etc/handful/server.toml" ||
    fail "the upgrade changed a setting"
start_service
decision_of_image | grep -q '"label":"example"' || fail "the upgrade lost the class"
stop_service
inside runuser -u handful -- handful --config /etc/handful/server.toml gallery list |
    grep -q example || fail "the command does not list the class"

echo "install test: remove, purge"
inside dpkg -r handful >/dev/null
[ -d "$root/var/lib/handful/store" ] || fail "removing the package removed the store"
inside dpkg -P handful >/dev/null 2>&1
[ ! -e "$root/var/lib/handful" ] || fail "a purge left /var/lib/handful"
[ ! -e "$root/usr/lib/handful" ] || fail "a purge left /usr/lib/handful"
inside sh -c 'ls -d /var/backups/handful-*/store' >/dev/null || fail "a purge lost the store"

echo "install test: purge without a backup"
rm -r "$root"/var/backups/handful-*
inside dpkg -i /tmp/new.deb >/dev/null
install -d "$root/var/lib/handful/store"
inside env HANDFUL_PURGE_STORE=yes dpkg -P handful >/dev/null 2>&1
[ ! -e "$root/var/lib/handful" ] || fail "a purge with HANDFUL_PURGE_STORE=yes left the store"
inside sh -c '! ls -d /var/backups/handful-*' >/dev/null 2>&1 || fail "it made a backup"
echo "install test: passed"
