# Mounts file systems on loop devices, with files and locks in them, an ocfs2 cluster of one node, and NFS from this machine.

modprobe loop max_loop=40
modprobe zram num_devices=2
[ "$(cat /sys/block/zram0/disksize)" = 0 ] && echo 20M >/sys/block/zram0/disksize
modprobe -a nfsd rpcsec_gss_krb5

image() {
	truncate -s "$2" /image.$1
	mkdir -p /fs/$1
}
image xfs 320M && mkfs.xfs -q /image.xfs
image btrfs 128M && mkfs.btrfs -q /image.btrfs
image jfs 32M && mkfs.jfs -q /image.jfs
image nilfs2 160M && mkfs.nilfs2 -q /image.nilfs2
image f2fs 64M && mkfs.f2fs -q /image.f2fs
image ext4 64M && mkfs.ext4 -q -O fast_commit /image.ext4
image reiserfs 64M && mkfs.reiserfs -q -f /image.reiserfs
image exfat 16M && mkfs.exfat /image.exfat
image gfs2 300M && echo y | mkfs.gfs2 -q -O -p lock_nolock -t a:b -J 32 /image.gfs2
image ocfs2 128M
for type in xfs btrfs jfs f2fs ext4 exfat reiserfs gfs2; do
	mount -t $type -o loop /image.$type /fs/$type
done
mount -i -t nilfs2 -o loop /image.nilfs2 /fs/nilfs2

# ocfs2 needs a cluster; this one has one local node.
modprobe -a ocfs2 ocfs2_stack_o2cb ocfs2_dlm ocfs2_dlmfs
mkdir -p /etc/ocfs2
cat >/etc/ocfs2/cluster.conf <<'END'
cluster:
	node_count = 1
	name = sweep
node:
	ip_port = 7777
	ip_address = 127.0.0.1
	number = 0
	name = guest
	cluster = sweep
END
hostname guest
yes | mkfs.ocfs2 -b 4096 -C 4096 -N 2 --cluster-stack=o2cb --cluster-name=sweep -J size=8M /image.ocfs2 | tail -n 2
o2cb register-cluster sweep
device=$(losetup --find --show /image.ocfs2)
o2cb start-heartbeat sweep
timeout 100 mount.ocfs2 "$device" /fs/ocfs2
mkdir -p /dlmfs
mount -t ocfs2_dlmfs none /dlmfs
mkdir /dlmfs/domain && for i in $(seq 150); do touch /dlmfs/domain/lock$i; done

for dir in /fs/*; do
	mountpoint -q $dir || echo "not mounted: $dir"
	for i in $(seq 120); do echo $i >$dir/file$i; done
done 2>&1 | sort | uniq -c | sort -rn | head -n 5
sync
for i in 1 2 3 4 5 6 7 8; do flock /fs/gfs2/file$i sleep 1000000 & done
for i in 1 2 3 4 5; do flock /fs/ocfs2/file$i sleep 1000000 & done
mkdir -p /overlay/lower /overlay/upper /overlay/work /fs/overlay
mount -t overlay -o lowerdir=/overlay/lower,upperdir=/overlay/upper,workdir=/overlay/work none /fs/overlay
mkfs.ext4 -q /dev/zram0 && mkdir -p /fs/zram && mount /dev/zram0 /fs/zram

# NFS server and client.
for i in $(seq 40); do
	mkdir -p /exports/$i
	echo "/exports/$i 10.$i.0.0/16(rw,no_subtree_check,fsid=$i) 127.0.0.1(rw,no_root_squash,no_subtree_check,fsid=$i)"
done >/etc/exports
mount -t nfsd nfsd /proc/fs/nfsd
mkdir -p /run/rpc_pipefs
mount -t rpc_pipefs rpc_pipefs /run/rpc_pipefs
rpcbind
timeout 30 rpc.nfsd 4
timeout 20 rpc.mountd
timeout 30 exportfs -ra
mkdir -p /fs/nfs4 /fs/nfs3
timeout 60 mount -t nfs -o vers=4.2 127.0.0.1:/exports/1 /fs/nfs4
timeout 60 mount -t nfs -o vers=3,nolock 127.0.0.1:/exports/2 /fs/nfs3
echo hello >/fs/nfs4/file
ls -l /fs/nfs4 /fs/nfs3 >/dev/null
mount | grep -c ' on /fs/'
ls /sys/kernel/debug/o2dlm /sys/kernel/debug/ocfs2 /sys/kernel/debug/gfs2
