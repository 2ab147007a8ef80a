# A hundred readers at once: sessions are kept apart, and every lost event is counted.
. "$E2E/lib.sh"

while read -r file size; do
	rm -f log
	attach_bg --format json "$file" || continue
	e2e-helper readers 100 "$file" "a$size" --log log
	stop_attach
	expect_eq "status$file/$size" 0 $?
	expect_status "reads$file/$size" 0 e2e-helper json-check trace --log log --allow-loss
done <<END
/proc/net/unix 100
/proc/vmstat 1000
/proc/cpuinfo 4096
END
