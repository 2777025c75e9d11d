"""What peers.py measured, as a table in Markdown."""
import json
import statistics

HEADER = ["net (batch)", "mode", "threads", "Moka ms", "of peak", "peer ms", "best peer", "ratio", "least to most",
          "Moka MiB", "peer MiB", "Moka beyond", "peer beyond", "peer start"]


def table_row(records):
    """Of one net, mode and number of threads."""
    times, per_round, last = {}, {}, {}
    for r in records:
        if "error" not in r:
            times.setdefault(r["side"], []).append(r["ms"])
            per_round.setdefault((r["run"], r["round"]), {})[r["side"]] = r["ms"]
            last[r["side"]] = r
    moka, first = last["moka"], records[0]
    peers = {side: statistics.median(values) for side, values in times.items() if side != "moka"}
    row = [f"{first['net']} ({moka['batch']})", first["mode"], str(first["threads"]), f"{statistics.median(times['moka']):.2f}"]
    percent = statistics.median(r["percent_of_peak"] for r in records if r["side"] == "moka" and "error" not in r)
    row.append(f"{percent:.0f} %")
    if not peers:
        return row + ["-"] * 9
    best = min(peers, key=peers.get)
    ratios = [sides[best] / sides["moka"] for sides in per_round.values() if best in sides and "moka" in sides]
    peer = last[best]
    return row + [f"{peers[best]:.2f}", best, f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}",
                  f"{moka['peak_mib']:.0f}", f"{peer['peak_mib']:.0f}", f"{moka['beyond_mib']:.0f}",
                  f"{peer['beyond_mib']:.0f}", f"{peer['start_mib']:.0f}"]


def table(records):
    lines, groups, machines = [], {}, {}
    for r in records:
        groups.setdefault((r["mode"], r["threads"], r["net"]), []).append(r)
        machines[json.dumps(r["machine"])] = r["machine"]
    for m in machines.values():
        lines.append(f"{m['cpu']} (family {m['family']}, model {m['model']}), {m['cores']} cores, {m['memory_gib']} GiB, Linux "
                     f"{m['kernel']}; Moka {m['moka']}, PyTorch {m['torch']}, OpenCV {m['opencv']}")
    peaks = [r["peak_gflops"] for r in records if r.get("peak_gflops")]
    loads = [r["load"] for r in records]
    lines.append(f"Measured peak {max(peaks, default=0):.0f} GFLOP/s; load average {min(loads):.1f} to {max(loads):.1f} "
                 "(the run itself makes one as high as its threads).")
    lines += ["", "| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    for group in groups.values():
        if any(r["side"] == "moka" and "error" not in r for r in group):
            lines.append("| " + " | ".join(table_row(group)) + " |")
    failed = {f"{r['side']} cannot run {r['net']} ({r['mode']}): {r['error']}" for r in records if "error" in r}
    return "\n".join(lines + [""] * bool(failed) + sorted(failed))
