"""Runs Autobahn's client cases against the library in three ways, judges the reports, writes docs/conformance.md.

Only OK counts, and INFORMATIONAL for the three cases that can be nothing else; NON-STRICT and UNIMPLEMENTED are failures.
"""

import argparse
import contextlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

CASES = 517
# Their code reports nothing else, whatever the client does: "undefined by the spec", "implementation defined".
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}
# Agent, the client's way, whether over TLS, and what it is.
WAYS = [
    ("io-thread", "inline", False, "callbacks on the I/O thread"),
    ("dispatcher", "dispatcher", False, "callbacks through a dispatcher"),
    ("pulled-tls", "pull", True, "events pulled, over TLS"),
]
GROUPS = {
    "1": "Framing", "2": "Pings and pongs", "3": "Reserved bits", "4": "Opcodes", "5": "Fragmentation",
    "6": "UTF-8", "7": "Close handling", "9": "Limits, performance", "10": "Miscellaneous",
    "12": "Compression, payloads", "13": "Compression, parameters",
}
START_SECONDS = 60


class Failure(Exception):
    pass


class Server:
    """A program that says a line when it is ready, and ends when its input does: with this one, at the latest."""

    def __init__(self, name, arguments, ready, log):
        self.name = name
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        lines = queue.Queue()
        threading.Thread(target=self.read, args=(re.compile(ready), lines, log), daemon=True).start()
        try:
            self.ready = lines.get(timeout=START_SECONDS)
        except queue.Empty:
            self.ready = None
        if self.ready is None:
            self.stop()
            raise Failure(f"{name} does not start: see {os.path.relpath(log.name)}")

    def read(self, ready, lines, log):
        for line in self.process.stdout:
            log.write(line)
            found = ready.match(line.decode())
            if found:
                lines.put(found[1])
        lines.put(None)

    def stop(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def play(options, folder):
    """Runs all ways; gives the seconds that each took, and what the clients complained of."""
    spec = os.path.join(folder, "spec.json")
    with open(spec, "w", encoding="utf-8") as file:
        # The port is chosen by the system; the one here is never used.
        json.dump({"url": "ws://127.0.0.1:9001", "outdir": os.path.join(folder, "reports"), "cases": options.cases.split()}, file)
    seconds, failures = {}, []
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(open(os.path.join(folder, "server.log"), "wb", buffering=0))
        fuzzer = [options.python, os.path.join(os.path.dirname(__file__), "fuzzingserver.py"), spec]
        suite = Server("the fuzzing server", fuzzer, r"listening on (\d+)", log)
        stack.callback(suite.stop)
        front = Server("the TLS front", [options.server, "--until-stdin-closes", "--tls-front", suite.ready], r"(\{.*)", log)
        stack.callback(front.stop)
        tls = json.loads(front.ready)
        for agent, way, over_tls, title in WAYS:
            url = tls["front_url"] if over_tls else f"ws://127.0.0.1:{suite.ready}"
            print(f"  {title} ...", end=" ", flush=True)
            started = time.monotonic()
            try:
                client = subprocess.run(
                    [options.client, url, agent, way] + ([tls["ca"]] if over_tls else []),
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=options.timeout,
                )
                if client.returncode != 0:
                    failures.append(f"{agent}: the client ended with {client.returncode}\n{client.stderr}".rstrip())
            except subprocess.TimeoutExpired:
                failures.append(f"{agent}: not done after {options.timeout} s")
            seconds[agent] = time.monotonic() - started
            print(f"{seconds[agent]:.0f} s", flush=True)
    return seconds, failures


def group_of(case):
    return case.split(".")[0]


def in_order(case):
    return [int(part) for part in case.split(".")]


def is_right(case, outcome):
    behaviour, close = outcome["behavior"], outcome["behaviorClose"]
    if case in INFORMATIONAL:
        return behaviour == close == "INFORMATIONAL"
    return behaviour == close == "OK"


def explain(folder, agent, case, outcome):
    """What the report says of a case that failed."""
    words = f"{case} ({agent}): {outcome['behavior']}, closing {outcome['behaviorClose']}"
    with contextlib.suppress(OSError, ValueError), open(os.path.join(folder, "reports", outcome["reportfile"]), encoding="utf-8") as file:
        report = json.load(file)
        for key in ("description", "expectation", "result", "resultClose", "expected", "received", "remoteCloseCode"):
            words += f"\n      {key}: {str(report.get(key))[:300]}"
    return words


def version_of(python):
    """The versions of the interpreter and the suite."""
    code = "import autobahn, autobahntestsuite, sys; print('%d.%d.%d' % sys.version_info[:3]); print(autobahntestsuite.version); print(autobahn.version)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.split()


def document(reports, right, library, versions):
    """The text of docs/conformance.md: the same for the same results."""
    python, suite, autobahn = versions
    agents = [way[0] for way in WAYS]
    cases = sorted(set().union(*(reports[agent] for agent in agents)), key=in_order)
    rows = []
    for group in sorted({group_of(case) for case in cases}, key=int):
        members = [case for case in cases if group_of(case) == group]
        informational = [case for case in members if case in INFORMATIONAL]
        judged = [case for case in members if case not in INFORMATIONAL]
        good = [str(sum(right[agent].get(case, False) for case in judged)) for agent in agents]
        rows.append([group, GROUPS.get(group, ""), str(len(members)), *good, str(len(informational) or "")])
    wrong = [(agent, case) for agent in agents for case in cases if not right[agent].get(case)]
    totals = [str(sum(right[agent].get(case, False) for case in cases if case not in INFORMATIONAL)) for agent in agents]
    rows.append(["", "**all**", str(len(cases)), *totals, str(len(INFORMATIONAL.intersection(cases)))])

    titles = ["OK: I/O thread", "OK: dispatcher", "OK: pulled, TLS"]
    table = ["| | group | cases | " + " | ".join(titles) + " | informational |", "| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    table += ["| " + " | ".join(row) + " |" for row in rows]
    lines = [
        "# Conformance",
        "",
        "```sh",
        "make conformance",
        "```",
        "",
        f"plays all {len(cases)} client cases of the Autobahn test suite against libws4d, from a C program on the public API",
        "(`tests/conformance/autobahn.c`), in three ways: callbacks on the I/O thread, callbacks through a dispatcher, and events",
        "pulled over TLS, through the test server's TLS front. It wrote this file; the reports with each frame are in",
        "`build/conformance/reports/index.html`.",
        "",
        *table,
        "",
        f"libws4d {library}, autobahntestsuite {suite} (autobahn {autobahn}) on Python {python}.",
        "",
        "A case counts as OK if both its outcome and its closing are; NON-STRICT is a failure. INFORMATIONAL are the three cases",
        f"that can be nothing else, whatever a client does: {', '.join(sorted(INFORMATIONAL, key=in_order))}.",
    ]
    if wrong:
        lines += ["", f"## Failing: {len(wrong)}", ""]
        lines += [
            f"- {case} ({agent}): {reports[agent][case]['behavior']}, closing {reports[agent][case]['behaviorClose']}"
            if case in reports[agent] else f"- {case} ({agent}): not played"
            for agent, case in wrong
        ]
    lines += [
        "",
        "The suite is Python 2.7. `scripts/conformance-setup.sh` takes an interpreter of the system (`WS4D_PYTHON27`, the path, pyenv)",
        "or, where there is none, unpacks Debian 11's into `build/python2.7`, and installs the suite, unchanged, in `build/autobahn`",
        "with the versions of `tests/conformance/requirements.txt`. `tests/conformance/fuzzingserver.py` starts it on a free port of",
        "this machine. `CASES=\"3.* 5.15\" make conformance` plays some cases only, and `PART_SIZE=1 make conformance` all of them with",
        "messages that arrive in parts of one byte, or of 1,000 in groups 9, 12 and 13, which the client puts together; both leave this",
        "file alone.",
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True, help="the Python 2.7 with the test suite")
    parser.add_argument("--client", required=True, help="tests/conformance/autobahn.c, compiled")
    parser.add_argument("--server", required=True, help="the program ws4d-test-server")
    parser.add_argument("--folder", required=True, help="where reports and logs go; what was there is removed")
    parser.add_argument("--header", required=True, help="ws4d.h: the library's version")
    parser.add_argument("--document", required=True, help="the summary to write, if all cases were played")
    parser.add_argument("--cases", default="*", help="the cases to play, as in the suite's own specification")
    parser.add_argument("--timeout", type=float, default=1200, help="seconds for each way")
    options = parser.parse_args()
    folder = os.path.abspath(options.folder)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(options.header, encoding="utf-8") as file:
        header = file.read()
    library = re.search(r'WS4D_VERSION_STRING "(.*)"', header)[1]

    print("Autobahn:", flush=True)
    try:
        seconds, failures = play(options, folder)
    except (Failure, OSError) as failure:
        print(f"conformance: {failure}", file=sys.stderr)
        return 1
    try:
        with open(os.path.join(folder, "reports", "index.json"), encoding="utf-8") as file:
            index = json.load(file)
    except (OSError, ValueError) as error:
        index = {}
        failures.append(f"no reports: {error}")
    reports = {way[0]: index.get(way[0], {}) for way in WAYS}
    right = {agent: {c: is_right(c, outcome) for c, outcome in report.items()} for agent, report in reports.items()}
    everything = options.cases == "*"
    expected = CASES if everything else max(map(len, reports.values()))
    in_parts = "PART_SIZE" in os.environ

    print()
    passed = failed = 0
    for agent, _, _, title in WAYS:
        report = reports[agent]
        count = {}
        for outcome in report.values():
            count[outcome["behavior"]] = count.get(outcome["behavior"], 0) + 1
        print(f"  {title:32} {len(report)} cases in {seconds[agent]:.0f} s:", ", ".join(f"{n} {word}" for word, n in sorted(count.items())))
        if len(report) != expected or not report:
            failures.append(f"{agent}: {len(report)} cases were played, not {expected}")
        for case in sorted(report, key=in_order):
            if not right[agent][case]:
                failed += 1
                failures.append(explain(folder, agent, case, report[case]))
            else:
                passed += 1
    if everything and any(reports.values()) and not in_parts:
        os.makedirs(os.path.dirname(options.document), exist_ok=True)
        with open(options.document, "w", encoding="utf-8") as file:
            file.write(document(reports, right, library, version_of(options.python)))
    if failures:
        print("\nNot as it should be:", *failures, sep="\n  ")
    print(f"\n{passed} passed, {failed} failed", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
