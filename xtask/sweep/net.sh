# Creates network devices of all kinds, addresses, routes, neighbours, filters, tunnels, services, and sockets (sockets.py).

# Some commands fail if the kernel lacks a feature, so failures are counted and do not end the script.
batch() {
	"$@" 2>&1 | sort | uniq -c | sort -rn | head -n 10
}

modprobe mac80211_hwsim radios=2
modprobe rose rose_ndevs=3
modprobe netrom nr_ndevs=3
for module in mac802154_hwsim l2tp_debugfs tipc pktgen rds rds_tcp smc phonet x25 llc2 atm appletalk can-bcm can-gw can-isotp \
	nf_log_syslog nfnetlink_log nfnetlink_queue ip_vs_ftp nf_conntrack_ftp nf_conntrack_sip af_key kcm rfcomm bnep hidp \
	vsock_loopback vhost_vsock pppoe pptp l2tp_ppp; do
	modprobe -q $module || echo "not loaded: $module"
done
echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range

links() {
	for i in $(seq 40); do
		echo "link add du$i type dummy"
		echo "link set du$i up"
		echo "addr add 10.$i.0.1/16 dev du$i"
		echo "addr add fd00:$i::1/64 dev du$i nodad"
	done
	for i in $(seq 2 40); do echo "link add link du1 name du1.$i type vlan id $i"; done
	for i in $(seq 300); do
		echo "route add 172.16.$((i / 250)).$((i % 250 + 1))/32 dev du$((i % 40 + 1))"
		echo "route add fd99:$i::/64 dev du$((i % 40 + 1))"
	done
	for i in $(seq 200); do
		echo "neigh add 10.$((i % 40 + 1)).7.$i lladdr 02:00:00:00:00:$(printf %02x $i) dev du$((i % 40 + 1)) nud permanent"
	done
	for i in $(seq 100); do echo "rule add from 10.9.$i.0/24 table $((1000 + i))"; done
	echo "link add br0 type bridge mcast_snooping 1"
	echo "link set br0 up"
	for i in $(seq 11 20); do echo "link set du$i master br0"; done
	echo "link add bond0 type bond mode 4"
	echo "link add bond1 type bond mode 1 miimon 100"
	for i in 21 22 23; do
		echo "link set du$i down"
		echo "link set du$i master bond0"
	done
	echo "link set du24 down"
	echo "link set du24 master bond1"
	echo "link set bond0 up"
	echo "link set bond1 up"
	for i in $(seq 30); do echo "link add link du2 name mv$i type macvlan mode bridge"; done
	for i in $(seq 10); do echo "link add link du3 name iv$i type ipvlan mode l2"; done
	for i in $(seq 20); do
		echo "link add ve$i type veth peer name vf$i"
		echo "link set ve$i up"
		echo "link set vf$i up"
	done
	for i in $(seq 5); do
		echo "link add vc$i type vcan"
		echo "link set vc$i up"
	done
	echo "link add bat0 type batadv"
	echo "link set ve1 master bat0"
	echo "link set bat0 up"
	echo "link add team0 type team"
	echo "link add hsr0 type hsr slave1 ve2 slave2 ve3 supervision 45 version 1"
	echo "link set hsr0 up"
	echo "link add prp0 type hsr slave1 ve4 slave2 ve5 proto 1"
	echo "link add vx0 type vxlan id 42 dstport 4789 dev du5"
	echo "link set vx0 up"
	echo "link add gre0a type gretap local 10.5.0.1 remote 10.5.0.9"
	echo "link add macsec0 link du6 type macsec"
	echo "link add vrf0 type vrf table 500"
	echo "link add wg0 type wireguard"
	echo "addr add 10.9.0.1/32 dev lo"
	echo "addr add 10.9.0.2/32 dev lo"
}
links >/root/links
batch ip -force -batch /root/links
# Not in the batch, because ip ends after this command.
for i in $(seq 60); do ip maddr add 33:33:00:00:$(printf %02x $i):01 dev du$((i % 40 + 1)); done
for i in $(seq 5); do
	ip netns add ns$i
	ip link set vf$((i + 10)) netns ns$i
	ip -n ns$i link set lo up
	ip -n ns$i addr add 192.168.$i.1/24 dev vf$((i + 10))
	ip -n ns$i link set vf$((i + 10)) up
done

# A hamradio link for each Ethernet device, so that /proc/net/bpqether has more than a page.
modprobe bpqether
modprobe mkiss

# Queueing disciplines.
tc qdisc add dev du7 root handle 1: htb default 10
for i in $(seq 10 60); do echo "class add dev du7 parent 1: classid 1:$i htb rate 1mbit"; done | tc -force -batch -
tc qdisc add dev du8 root fq_codel
tc qdisc add dev du9 clsact

# Packet filters: iptables, whose matches have files in /proc, and nftables.
rules() {
	echo "*filter"
	echo "-A INPUT -i lo -m recent --set --name lo --rdest"
	echo "-A OUTPUT -m hashlimit --hashlimit-upto 1000/sec --hashlimit-mode srcip,dstip,srcport,dstport" \
		"--hashlimit-htable-size 1 --hashlimit-htable-max 5000 --hashlimit-htable-expire 1000000 --hashlimit-name one -j ACCEPT"
	echo "-A INPUT -i lo -j ACCEPT"
	for i in $(seq 100); do echo "-A INPUT -s 10.1.2.$i/32 -m recent --set --name r$((i % 5)) --rsource"; done
	for i in 1 2 3 4 5; do
		echo "-A OUTPUT -d 10.3$i.0.0/16 -m hashlimit --hashlimit-upto 100/sec --hashlimit-mode dstip,dstport" \
			"--hashlimit-name h$i -j ACCEPT"
	done
	echo "-A OUTPUT -d 10.36.0.0/16 -m hashlimit --hashlimit-upto 1kb/s --hashlimit-mode dstip --hashlimit-name hb6 -j ACCEPT"
	echo "-A OUTPUT -d 10.0.0.0/8 -m recent --set --name out --rdest"
	echo "-A INPUT -m conntrack --ctstate NEW -j ACCEPT"
	echo COMMIT
}
rules | iptables-legacy-restore
ip6tables-legacy -A INPUT -m conntrack --ctstate NEW -j ACCEPT
iptables-legacy -t raw -A PREROUTING -p tcp -m tcp --syn --dport 4444 -j CT --notrack
iptables-legacy -A INPUT -p tcp --dport 4444 -m conntrack --ctstate INVALID,UNTRACKED \
	-j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460
iptables-legacy -t nat -A POSTROUTING -j MASQUERADE
arptables-legacy -A INPUT -s 10.0.0.1 -j DROP
ebtables-legacy -A FORWARD -p ARP -j ACCEPT
tables() {
	echo "add table inet t"
	for i in $(seq 100); do echo "add counter inet t c$i"; done
	echo "add set inet t s { type ipv4_addr; flags timeout; }"
	echo "add chain inet t x { type filter hook input priority 0; }"
	for i in $(seq 100); do echo "add rule inet t x ip saddr 1.2.3.$i log group 5 counter"; done
}
tables | nft -f -
sets() {
	echo "create haship hash:ip"
	echo "create bitmapport bitmap:port range 1-2000"
	for i in $(seq 200); do echo "add haship 1.1.1.$i"; done
}
sets | ipset restore -exist
for i in $(seq 60); do
	conntrack -I -s 10.77.0.$i -d 10.78.0.$i -p tcp --sport $((1000 + i)) --dport 80 --state ESTABLISHED -u ASSURED -t 100000
done >/dev/null 2>&1
for i in $(seq 40); do
	conntrack -I expect -s 10.77.1.1 -d 10.78.1.$i -p tcp --orig-src 10.77.0.1 --orig-dst 10.78.0.1 --sport 1001 --dport 80 \
		--orig-sport 1001 --orig-dport 80 -t 10000
done >/dev/null 2>&1

# IPVS services.
services() {
	for i in $(seq 60); do
		echo "-A -t 10.9.0.$i:80 -s rr"
		for j in 1 2 3 4 5; do echo "-a -t 10.9.0.$i:80 -r 10.10.0.$j:80 -m"; done
	done
	echo "-A -f 7 -s wlc"
	echo "-A -u 10.9.0.1:53 -s sh"
}
services | ipvsadm -R

# Tunnels and IPsec.
ip l2tp add tunnel remote 127.0.0.1 local 127.0.0.1 tunnel_id 1 peer_tunnel_id 1 encap udp udp_sport 5000 udp_dport 5001
ip l2tp add tunnel remote 10.2.0.7 local 10.2.0.1 tunnel_id 7 peer_tunnel_id 8 encap ip
for i in $(seq 50); do
	ip l2tp add session tunnel_id $((i % 2 ? 1 : 7)) session_id $i peer_session_id $i
done 2>&1 | tail -n 1
keys() {
	for i in $(seq 50); do
		echo "xfrm state add src 10.1.0.1 dst 10.2.0.$i proto esp spi 0x$(printf %x $((i + 1000))) mode tunnel" \
			"enc aes 0x00112233445566778899aabbccddeeff auth sha1 0x00112233445566778899aabbccddeeff00112233"
		echo "xfrm policy add src 10.1.0.0/16 dst 10.2.$i.0/24 dir out tmpl src 10.1.0.1 dst 10.2.0.$i proto esp mode tunnel"
	done
}
keys >/root/keys
batch ip -force -batch /root/keys

# Other kinds of state, a few of each.
tipc bearer enable media eth device du10
for i in 1 2 3; do candump -n 100000 vc$i,123:7FF,#FFFFFFFF >/dev/null 2>&1 & done
for i in $(seq 12); do echo "add_device du$i@$i" >/proc/net/pktgen/kpktgend_0; done
ip link set bpq0 up
for device in wlan0 wlan1; do ip link set $device up; done
iw dev wlan0 set type ibss
for device in wpan0 wpan1; do ip link set $device up; done

python3 /sweep/sockets.py >/root/sockets.log 2>&1 &
# sockets.py writes its pid after it has created its sockets.
for _ in $(seq 600); do
	[ -e /run/sockets.pid ] && break
	sleep 0.1
done
cat /root/sockets.log
wc -l /proc/net/tcp /proc/net/unix /proc/net/nf_conntrack /proc/net/bpqether /proc/net/route /proc/locks
