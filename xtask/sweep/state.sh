# Creates cgroups, mounts, swap, keys, namespaces, device-mapper devices and gadgets, which have lists in /proc or debugfs.

modprobe -a dm-mod dm-zero
modprobe loop max_loop=40
modprobe zram num_devices=2
modprobe -a dummy_hcd libcomposite usb_f_ecm usb_f_acm

# Cgroups: many of version 2; of version 1, the controllers that version 2 does not use.
cd /sys/fs/cgroup || exit
for controller in cpu cpuset memory io pids hugetlb rdma misc; do
	echo +$controller >cgroup.subtree_control
done 2>/dev/null
for i in $(seq 60); do mkdir g$i; done
for i in 1 2 3; do
	for _ in $(seq 12); do
		sleep 1000000 &
		echo $! >g$i/cgroup.procs
	done
done
mkdir -p /cgroup1
mount -t tmpfs cgroup1 /cgroup1
for controller in net_cls net_prio freezer devices perf_event blkio; do
	mkdir /cgroup1/$controller
	mount -t cgroup -o $controller cgroup /cgroup1/$controller || rmdir /cgroup1/$controller
done
mkdir /cgroup1/named
mount -t cgroup -o none,name=named cgroup /cgroup1/named
for dir in /cgroup1/*; do
	for i in $(seq 20); do mkdir $dir/n$i; done
	for process in $(pgrep sleep | head -n 20); do echo $process >$dir/n1/cgroup.procs; done
done 2>/dev/null
for i in $(seq 120); do echo "c $i:$i rw" >/cgroup1/devices/n1/devices.allow; done 2>/dev/null

# Mounts, swap files and namespaces.
cd /
for i in $(seq 300); do
	mkdir -p /mounts/$i
	mount -t tmpfs m$i /mounts/$i
done
for i in $(seq 12); do
	dd if=/dev/zero of=/swap$i bs=64k count=16 2>/dev/null
	chmod 600 /swap$i
	mkswap /swap$i >/dev/null
	swapon -p $i /swap$i
done
for _ in $(seq 5); do unshare --user --map-root-user --net --mount --uts --ipc --pid --fork sleep 1000000 & done

# Keys of several users.
for i in $(seq 100); do keyctl add user k$i data$i @u; done >/dev/null
for i in $(seq 80); do keyctl newring r$i @u; done >/dev/null
for user in $(seq 1000 1030); do setpriv --reuid $user --clear-groups keyctl add user a b @u; done >/dev/null

# Device mapper, loop devices, RAID and zram.
for i in $(seq 20); do
	truncate -s 64M /loop$i
	losetup /dev/loop$i /loop$i
done
echo "0 20000 linear /dev/loop1 0" | dmsetup create linear
echo "0 20000 zero" | dmsetup create zero
echo "0 20000 error" | dmsetup create error
raid() {
	level=$1
	shift
	timeout 60 mdadm --create /dev/md$level --run --assume-clean --metadata=1.2 -l $level -n $# "$@"
}
raid 1 /dev/loop2 /dev/loop3
raid 5 /dev/loop4 /dev/loop5 /dev/loop6
raid 0 /dev/loop7 /dev/loop8
raid 10 /dev/loop9 /dev/loop10
raid 6 /dev/loop11 /dev/loop12 /dev/loop13 /dev/loop14
for i in 0 1; do echo 20M >/sys/block/zram$i/disksize; done 2>/dev/null

# A USB gadget on the dummy controller.
gadget=/sys/kernel/config/usb_gadget/g1
if mkdir $gadget; then
	echo 0x1d6b >$gadget/idVendor
	echo 0x0104 >$gadget/idProduct
	mkdir -p $gadget/configs/c.1 $gadget/functions/ecm.usb0 $gadget/functions/acm.0
	ln -s $gadget/functions/ecm.usb0 $gadget/functions/acm.0 $gadget/configs/c.1/
	ls /sys/class/udc | head -n 1 >$gadget/UDC
fi

# Settings of the block layer and the scheduler that fill their files.
for device in /sys/block/*/queue/scheduler; do echo mq-deadline >$device; done 2>/dev/null
echo 1 >/proc/sys/kernel/sched_schedstats
echo state made
