# arm64: ci
# seqtrace doctor on a kernel that can be traced, with and without the necessary privileges.
. "$E2E/lib.sh"

expect_status root 0 seqtrace doctor
seqtrace doctor --json >json
expect_status json 0 e2e-helper json json
expect_status user 3 su user -c 'seqtrace doctor'
expect_status attach 3 su user -c 'seqtrace attach /proc/vmstat'
