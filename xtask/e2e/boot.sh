# arm64: ci
# Checks the properties of the guest that the other tests rely on.
. "$E2E/lib.sh"

case $(uname -r) in
"$KERNEL".*) ok kernel ;;
*) fail kernel "$(uname -r) is not $KERNEL" ;;
esac

for mount in /proc /sys /dev /dev/pts /tmp /sys/kernel/tracing /sys/kernel/debug /sys/fs/bpf /sys/fs/cgroup; do
	if grep -q " $mount " /proc/mounts; then ok "mount$mount"; else fail "mount$mount" "not mounted"; fi
done

expect_eq user 1000 "$(su user -c 'id -u')"
expect_eq fd two "$(echo two | cat /dev/fd/0)"
expect_eq lo 127.0.0.1 "$(ip -4 addr show lo | sed -n 's/.*inet \([0-9.]*\).*/\1/p')"
