#!/bin/sh
# Succeeds where the capture by libpcap can be built, which is behind the build tag libpcap: it needs cgo, a C compiler and the
# header of libpcap. Otherwise it says so, and fails.
if [ "$(go env CGO_ENABLED)" = 1 ] && echo '#include <pcap/pcap.h>' | ${CC:-cc} -E - >/dev/null 2>&1; then
	exit 0
fi
echo "skipped what the tag libpcap adds: no cgo, no C compiler or no pcap/pcap.h (Debian: libpcap-dev)" >&2
exit 1
