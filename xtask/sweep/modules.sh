# Loads modules: those of the emulated devices by udev, those that create virtual devices, and all modules with seq files that
# need no device. Names that a kernel does not have are ignored.

load() {
	modprobe -q "$@" && return
	echo "not loaded: $*"
}

/lib/systemd/systemd-udevd --daemon
udevadm trigger
udevadm settle -t 120

# Modules that create virtual devices.
load scsi_debug dev_size_mb=16 num_tgts=3 max_luns=2
load nbd nbds_max=4
load null_blk nr_devices=2
load dummy_hcd num=2
load nandsim first_id_byte=0x20 second_id_byte=0x33
load mtdram total_size=2048 erase_size=64
load i2c-stub chip_addr=0x50,0x51
load gpio-mockup gpio_mockup_ranges=-1,8
load netdevsim
for module in snd-dummy snd-aloop snd-virmidi snd-seq snd-seq-midi snd-hrtimer hci_vhci vhci-hcd rdma_rxe siw brd dummy \
	ifb nlmon vcan vxcan ramoops uinput uhid vivid vimc zfcp target_core_mod iscsi_target_mod tcm_loop libcomposite g_zero; do
	load $module
done

# Modules that are not loaded: they test, stress or watch the machine, or take it over.
without='test|torture|kunit|lkdtm|selftest|_wdt|watchdog|netconsole|kgdb|ipmi_devintf|hangcheck|mce-inject|softdog'
names=$(sed 's|.*/||; s|\.ko.*||' "/lib/modules/$(uname -r)/seq-modules" | grep -v -E "$without")
echo "$(echo "$names" | wc -l) modules with seq files that need no device"
# All in one call; a module that fails does not stop the others.
echo "$names" | xargs modprobe -q -a 2>&1 | tail -n 5
echo "$(wc -l </proc/modules) modules loaded"
