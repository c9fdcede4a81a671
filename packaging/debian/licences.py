"""What the binary is linked with statically, and under which terms: Cargo.lock and the crates' own files enter, text leaves.

Each crate with its version, licence and authors, then every licence text once, with the crates that bear it. Crates that
only build it, proc macros among them, are not in the binary and not in the list.
"""

import json
import os
import subprocess
import sys

NAMES = ("LICENCE", "LICENSE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked():
    """The crates that end up in the binary, by name, as `cargo metadata` has them."""
    tree = ["cargo", "tree", "--locked", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}"]
    names = {tuple(line.split()[:2]) for line in run(*tree).splitlines()[1:] if line}
    found = json.loads(run("cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={platform()}"))
    packages = [one for one in found["packages"] if (one["name"], f"v{one['version']}") in names]
    assert len(packages) == len(names), "cargo tree and cargo metadata disagree"
    return sorted(packages, key=lambda one: (one["name"], one["version"]))


def platform():
    lines = run("rustc", "--version", "--verbose").splitlines()
    return next(line.split()[1] for line in lines if line.startswith("host:"))


def texts(package):
    """What a crate says itself, and the libraries of others that it brings along."""
    for folder, folders, names in os.walk(os.path.dirname(package["manifest_path"])):
        folders.sort()
        for name in sorted(names):
            if name.upper().startswith(NAMES):
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    yield file.read().strip()


def main():
    packages = linked()
    bearers = {}
    print("Linked statically into /usr/bin/dockseal, beside the Rust standard library (MIT or Apache-2.0):\n")
    for package in packages:
        title = f"{package['name']} {package['version']}"
        authors = ", ".join(package["authors"])
        print(f"  {title}: {package['license']}" + (f"; {authors}" if authors else ""))
        for text in texts(package):
            bearers.setdefault(text, []).append(title)
    for text, titles in bearers.items():
        print(f"\n{'=' * 100}\n{', '.join(titles)}\n{'=' * 100}\n\n{text}")


sys.exit(main())
