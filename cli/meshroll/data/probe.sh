# Runs in the probe's pod: calls one URL CALLS times over one held connection, then asks the pod's own proxy which
# pods answered, so that servers need not say who they are. What it found goes to RESULT, for core/probe/answers.py.
#
#   URL      of the Service      GRPC  yes or no
#   CALLS    how many            ADMIN where the proxy's own pages are
set -u

fetch() {
  curl -fsS --noproxy '*' --max-time 10 "$@"
}

fail() {
  echo "$1" > "$RESULT"
  exit 1
}

fetch --retry 30 --retry-delay 1 --retry-connrefused -o /dev/null "$ADMIN/ready" ||
  fail "the proxy was not Ready in 30 s"
fetch -o /dev/null "$ADMIN/metrics" ||
  fail "the proxy does not show its metrics; a Server of the namespace may cover its port 4191"

set --
if [ "$GRPC" = yes ]; then
  # Older ones break on the second call of a connection (curl#10634).
  case "$(curl --version)" in "curl "[67].*) fail "the curl of its image is older than 8" ;; esac
  set -- --http2-prior-knowledge -H 'content-type: application/grpc' -H 'te: trailers' --data-binary @-
fi

# To stderr, which is not buffered: what a call came to is told as it ends, so a Service that is too slow for all of them,
# or that hangs, does not look like one that nobody called.
calls() {
  # An empty message as gRPC frames it: not compressed, 0 bytes long. What follows # is never sent.
  printf '\0\0\0\0\0' |
    timeout 60 curl -s --noproxy '*' --max-time 10 -o /dev/null \
      -w '%{stderr}%{http_code} %{num_connects} %header{grpc-status}\n' "$@" "$URL#[1-$CALLS]" 2>&1 |
    awk '
      NF > 1 { calls[$1 " " ($3 == "" ? "-" : $3)]++; connections += $2 }
      END {
        print "connections", connections + 0
        for (code in calls) print "calls", code, calls[code]
      }'
}

# Answers have a status; a call that broke has none. Of many pods the busiest, as many as fit into a termination message.
pods() {
  awk '
    /^response_total[{].*direction="outbound"/ && /[{,]status_code="/ && match($0, /[{,]dst_pod="[^"]+"/) {
      pod[substr($0, RSTART + 10, RLENGTH - 11)] += $NF
      answered += $NF
      if ($0 ~ /[{,]dst_service="[^"]/) balanced += $NF
    }
    END {
      print "answered", answered + 0, balanced + 0
      for (name in pod) print "pod", name, pod[name]
    }' |
    sort -k1,1 -k3,3nr | head -n 41
}

called=$(calls "$@")
# The last answer is counted once its end has gone through the proxy.
sleep 1
counted=$(fetch "$ADMIN/metrics") || fail "the proxy did not show its metrics after the calls"
{
  printf "%s\n" "$called"
  printf "%s\n" "$counted" | pods
} > "$RESULT"
