#!/usr/bin/env python3
"""The program in the packages is hardened as cmake/TrailwardenHardening.cmake says: by what readelf and objdump see in it, not by its flags."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from room import ROOT, packages_folder, the_one


def output(*command):
    return subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True).stdout


def unpack(package, folder):
    subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return folder / "usr/bin/trailwarden"


def unpack_tarball(archive, folder):
    folder.mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    return the_one(folder, "*/bin/trailwarden")


def judge(binary):
    """What is wrong with it, one line each."""
    header, segments, dynamic, symbols = (output("readelf", "-W", flag, binary) for flag in ("-h", "-l", "-d", "--dyn-syms"))
    imported = set(re.findall(r"UND (\w+)", symbols))
    wrong = []

    def must(holds, claim):
        if not holds:
            wrong.append(claim)

    must("DYN (Position-Independent Executable file)" in header and re.search(r"FLAGS_1\).*PIE", dynamic), "not position-independent (PIE)")
    must(re.search(r"GNU_RELRO", segments), "no RELRO segment")
    must("BIND_NOW" in dynamic and re.search(r"FLAGS_1\).*NOW", dynamic), "functions are bound late: RELRO is not full")
    stack = re.search(r"GNU_STACK\s+(?:0x\w+\s+){5}(\w+)", segments)
    must(stack and stack[1] == "RW", f"the stack is executable: {stack and stack[1]}")
    must(not re.search(r"LOAD\s+(?:0x\w+\s+){5}(?:RWE|R?WE)\b", segments), "a segment is both writable and executable")
    must("__stack_chk_fail" in imported, "no stack protector")
    checked = {name for name in imported if re.fullmatch(r"__\w+_chk", name)} - {"__stack_chk_fail"}
    must(len(checked) >= 3, f"not fortified: only {sorted(checked)}")
    must(not re.search(r"\(TEXTREL\)", dynamic), "text relocations")
    must(not re.search(r"\bgets$", symbols, re.M), "uses gets")
    return wrong


def judge_code(binary):
    """What only instructions tell, on x86-64."""
    if "X86-64" not in output("readelf", "-h", binary):
        return []
    code = output("objdump", "-d", "--no-show-raw-insn", binary)
    wrong = []
    if code.count("endbr64") < 5000:
        wrong.append(f"only {code.count('endbr64')} endbr64: not built with -fcf-protection")
    if not re.search(r"sub\s+\$0x1000,%rsp\n.*or[ql]\s+\$0x0,", code):
        wrong.append("no page of the stack is probed: not built with -fstack-clash-protection")
    # Only the libraries choose instructions at run time; the program itself must run on any x86-64.
    newer = re.findall(r"%[yz]mm\d+", code)
    if newer:
        wrong.append(f"uses AVX registers in {len(newer)} places: not portable")
    return wrong


def main():
    packages = packages_folder()
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        deb = unpack(the_one(packages, "trailwarden_*.deb"), Path(scratch) / "deb")
        tarball = unpack_tarball(the_one(packages, "trailwarden-*.tar.gz"), Path(scratch) / "tarball")
        for name, binary in (("deb", deb), ("tarball", tarball)):
            wrong += [f"{name}: {claim}" for claim in judge(binary)]
        wrong += judge_code(deb)
        dynamic = output("readelf", "-W", "-d", deb)
        if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
            wrong.append("deb: looks for libraries in a folder of its own (RPATH)")
        if not re.search(r"\(RPATH\).*\[\$ORIGIN/\.\./lib\]", output("readelf", "-W", "-d", tarball)):
            wrong.append("tarball: does not look for libraries in $ORIGIN/../lib (RPATH)")
        for place in (str(ROOT), "/root/", "/home/"):
            if place.encode() in deb.read_bytes():
                wrong.append(f"deb: the program names {place}, a folder of where it was built")
        # The check itself must be able to fail.
        if not judge_a_soft_program(Path(scratch)):
            wrong.append("a program without hardening passes, so this test says nothing")
    if wrong:
        sys.exit("FAIL:\n" + "\n".join(wrong))
    print("ok: PIE, full RELRO, no executable stack, stack protector, fortified, stack clash and control-flow protection, no AVX, no paths of the build")


def judge_a_soft_program(folder):
    source = folder / "soft.c"
    source.write_text("#include <stdio.h>\nint main(void) { char b[64]; return fgets(b, 64, stdin) == 0; }\n")
    flags = "-no-pie -fno-pie -U_FORTIFY_SOURCE -fno-stack-protector -Wl,-z,norelro -Wl,-z,lazy -Wl,-z,execstack".split()
    subprocess.run(["gcc", *flags, source, "-o", folder / "soft"], check=True, stderr=subprocess.DEVNULL)
    return len(judge(folder / "soft")) >= 6


if __name__ == "__main__":
    main()
