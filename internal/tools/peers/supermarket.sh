#!/bin/sh
# Shows on the running supermarket that recordings go both ways between gameday and gor v1.3.2: what gor records of it is imported
# and replayed to it, and what gameday records of it is replayed to it by gor. It needs root, for a network namespace of its own, and
# what `make build` makes. It fails where a request is missing that its recording has.
set -eu
if [ "${1:-}" != inside ]; then
	sh internal/tools/peers/install.sh bin/peers gor >/dev/null
	[ -x bin/peers/gor ] || { echo "there is no gor: see bin/peers/gor.log"; exit 1; }
	exec unshare -n sh "$0" inside
fi

tmp=$(mktemp -d)
ended() { # stops what was started and is still there
	for pid in ${listener:-} ${shop:-}; do kill -INT "$pid" 2>/dev/null && wait "$pid" || true; done
	rm -rf "$tmp"
}
trap ended EXIT
ip link set lo up
bin/gameday up fixtures/supermarket/topology.yaml --store "$tmp/store" >"$tmp/up" 2>&1 &
shop=$!
until grep -q healthy "$tmp/up"; do
	kill -0 $shop 2>/dev/null || { cat "$tmp/up"; exit 1; }
	sleep 1
done

echo "== customers come; gor and gameday record them"
bin/peers/gor --input-raw 127.0.0.1:8080 --input-raw-track-response --http-disallow-url '^/_' --output-file "$tmp/gor.gor" \
	--output-file-append --output-file-queue-limit 0 --exit-after 25s >"$tmp/gor" 2>&1 &
recorder=$!
bin/gameday capture --interface lo --port 8080 --disallow-url '^/_' --out "$tmp/ours.gdtape" >"$tmp/capture" 2>&1 &
listener=$!
sleep 2
fixtures/supermarket/bin/sessions -requests 200 -rate 20 -seed 5 >"$tmp/sessions"
tail -n 1 "$tmp/sessions"
wait $recorder
kill -INT $listener
wait $listener
listener=

echo "== what gor recorded, imported and replayed by gameday"
bin/gameday tape convert "$tmp/gor.gor" --out "$tmp/theirs.gdtape"
bin/gameday replay "$tmp/gor.gor" --to http://127.0.0.1:8080 --unsafe POST --speed 2 --progress none --max-lateness 5s --max-limited 1 |
	grep -E 'Failed|Accounts|Problem'

echo "== what gameday recorded, replayed by gor"
# Of what passed the interface the requests of customers are exported, with the passwords that redaction took. gor plays them through a
# proxy that counts.
bin/gameday tape convert "$tmp/ours.gdtape" --rewrite 'POST /login $.password=pw-${$.user}' --allow-header 'User-Agent:^(Mozilla|SupermarketApp)' --out "$tmp/ours.gor" | tail -n 1
bin/gameday capture --to http://127.0.0.1:8080 --out "$tmp/again.gdtape" >"$tmp/proxy" 2>&1 &
listener=$!
sleep 2
bin/peers/gor --input-file "$tmp/ours.gor" --output-http http://127.0.0.1:8888 --exit-after 40s >/dev/null 2>&1
kill -INT $listener
wait $listener
listener=
count() { bin/gameday tape cat "$1" --json | wc -l; }
bin/gameday tape convert "$tmp/ours.gor" --out "$tmp/asked.gdtape" >/dev/null
asked=$(count "$tmp/asked.gdtape") came=$(count "$tmp/again.gdtape")
echo "$asked requests exported, $came replayed by gor"
[ "$asked" -eq "$came" ]
