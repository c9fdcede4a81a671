#!/usr/bin/python
# Copyright: The Dockseal developers
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A manifest enters, a sealed Docker host leaves: `dockseal apply` as an Ansible module, and `dockseal plan` in check mode.

Everything is decided by the program; this file hands the manifest over and translates what comes back.
"""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host
short_description: Seal a Docker host's API with mutual TLS
description:
  - Makes a Docker host match a Dockseal manifest, which says which CA, server names, clients and endpoints it has.
  - Keys, certificates, C(daemon.json) and a systemd drop-in are made, dockerd restarts at most once, and real TLS handshakes
    prove the result. Where the proof fails, everything is put back and the task fails.
  - A second run changes nothing.
version_added: 0.1.0
author:
  - The Dockseal developers (@dockseal)
options:
  path:
    description:
      - The manifest on the host.
      - One of O(path), O(content) and O(manifest) is required.
    type: path
  content:
    description:
      - The manifest as YAML text, for instance of a file on the control node.
    type: str
  manifest:
    description:
      - The manifest as data.
    type: dict
  root:
    description:
      - Work on this folder instead of C(/), an image or a rehearsal. Services are then left alone.
    type: path
  allow_restart:
    description:
      - Restart dockerd even where running containers stop with it.
    type: bool
    default: false
  advance:
    description:
      - Take the next step of the CA's replacement now, without waiting for C(ca.overlap).
      - Each run takes a step until the replacement is done.
    type: bool
    default: false
  delete_keys:
    description:
      - With C(state=absent) in the manifest, delete the CA, its key and all that it signed, too.
    type: bool
    default: false
  lock_timeout:
    description:
      - How long to wait for another run on the host to end, in seconds.
    type: int
    default: 60
  passphrase:
    description:
      - The passphrase of the CA's key, for a manifest with C(ca.passphrase.env).
      - It is handed over in the environment of the program alone, and never shown or logged. Don't use the keyword
        C(environment) for it, which Ansible shows with C(-vvv).
    type: str
  passphrase_env:
    description:
      - The name that C(ca.passphrase.env) of the manifest has.
    type: str
    default: DOCKSEAL_PASSPHRASE
  executable:
    description:
      - The program on the host, a name to look up or a path.
    type: str
    default: dockseal
requirements:
  - dockseal on the host
attributes:
  check_mode:
    description: Shows what would change, as C(dockseal plan) does, and changes nothing.
    support: full
  diff_mode:
    description:
      - Texts before and after, and certificates by their fields. Never a key and never the body of a certificate.
      - Of a text, the changed lines and those around them are known; those in between are empty.
    support: full
  platform:
    description: Where it runs.
    platforms: posix
    support: full
notes:
  - Needs root on the host, unless O(root) names another folder.
  - What a manifest merges into C(daemon.json) is shown by C(--diff) and stands in the host's log of invocations. Give the task
    C(no_log=true) where that holds a secret, such as the password of a proxy.
  - C(dockseal apply --now-cut-off) has no option here. It locks every client out each time it is run.
"""

EXAMPLES = r"""
- name: The host matches its checked-in manifest
  dockseal.docker.host:
    content: "{{ lookup('ansible.builtin.file', 'hosts/' ~ inventory_hostname ~ '.yaml') }}"

- name: A manifest that is on the host already
  dockseal.docker.host:
    path: /etc/dockseal/host.yaml

- name: A manifest as data
  dockseal.docker.host:
    manifest:
      dockseal: 1
      host: "{{ inventory_hostname }}"
      server:
        sans:
          ip: ["{{ ansible_host }}", 127.0.0.1]
      clients:
        - name: ci
      daemon:
        hosts: [fd://, tcp://0.0.0.0:2376]
        live-restore: true

- name: A CA whose key is encrypted
  dockseal.docker.host:
    path: /etc/dockseal/host.yaml # has `ca: {passphrase: {env: DOCKSEAL_PASSPHRASE}}`
    passphrase: "{{ vaulted_passphrase }}"
"""

RETURN = r"""
plan:
  description:
    - What was done, or would be done in check mode, as C(dockseal plan --format json) has it (C(dockseal schema plan)).
    - Empty where no plan could be made.
  returned: always
  type: dict
  sample:
    format: dockseal.plan/1
    host: build-01.example.com
    changes:
      - resource: server.certificate
        action: replace
        path: /etc/docker/tls/server-cert.pem
        reasons:
          - kind: sans_differ
            added: ["IP:10.0.0.9"]
            removed: []
            text: it lacks IP:10.0.0.9
    restart:
      unit: docker.service
      action: restart
      live_restore_first: false
    errors: []
    notes: []
    waiting: []
waiting:
  description: What has to be signed elsewhere before this host can go on, for a manifest with C(ca.issuer=external).
  returned: always
  type: list
  elements: dict
  contains:
    resource:
      description: V(server.certificate) or V(client.NAME.certificate).
      type: str
    request:
      description: The PKCS#10 request to sign, on the host.
      type: str
    certificate:
      description: Where the certificate is expected, on the host.
      type: str
  sample:
    - resource: server.certificate
      request: /etc/docker/tls/requests/server.csr
      certificate: /etc/docker/tls/requests/server.pem
restarted:
  description: Whether dockerd was restarted, or would be in check mode.
  returned: success
  type: bool
rc:
  description: The program's exit code. Ansible takes any but 0 for a failure, so that a change has none here.
  returned: failure
  type: int
errors:
  description: What stands in the way, each with C(message) and C(hint).
  returned: failure
  type: list
  elements: dict
needs_person:
  description: Whether the host could not be put back, so that a person has to look at it. If not, it is as it was.
  returned: failure
  type: bool
"""

import json
import os
import re

from ansible.module_utils.basic import AnsibleModule

IN_SYNC = 0
FAILED = 1
CHANGED = 2
BROKEN = 3
HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def command_line(module: AnsibleModule, manifest: str) -> list[str]:
    """The program with its flags and the manifest's file."""
    params = module.params
    executable = params["executable"]
    if "/" not in executable:
        executable = module.get_bin_path(executable, required=True, opt_dirs=["/usr/local/sbin", "/usr/local/bin"])
    if module.check_mode:
        line = [executable, "plan", "--format", "json"]
    else:
        line = [executable, "apply", "--format", "json", "--detailed-exitcode"]
        line += ["--lock-timeout", str(params["lock_timeout"])]
    for flag in ("allow_restart", "advance", "delete_keys"):
        if params[flag]:
            line.append("--" + flag.replace("_", "-"))
    if params["root"] is not None:
        line += ["--root", root(module)]
    return line + ["--", manifest]


def root(module: AnsibleModule) -> str:
    """The folder to work on. An apply makes one that is missing; a plan for it is one for an empty folder."""
    folder = module.params["root"]
    if module.check_mode and not os.path.lexists(folder):
        folder = os.path.join(module.tmpdir, "root")
        os.mkdir(folder, 0o700)
    return folder


def manifest_file(module: AnsibleModule) -> str:
    """Where the manifest stands; what did not come as a file is one now, for its owner alone, until the module ends. JSON is
    YAML, and leaves no doubt about what is a string. Not by standard input: a program that ends without having read that, as
    an old one does that does not know a flag, takes its message with it (run_command ends with a broken pipe)."""
    params = module.params
    if params["path"] is not None:
        return params["path"]
    text = params["content"] if params["manifest"] is None else json.dumps(params["manifest"])
    path = os.path.join(module.tmpdir, "manifest")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def read_plan(text: str) -> dict:
    """What the program printed; empty where it had no plan to print."""
    try:
        plan = json.loads(text)
    except ValueError:
        return {}
    return plan if isinstance(plan, dict) else {}


def has_changed(module: AnsibleModule, rc: int, plan: dict) -> bool:
    """Whether something was changed, or would be. A plan exits with 2 also for a host that only waits for signatures, which
    nothing here changes; and for one that has to be put in order after a run that was cut short."""
    if not module.check_mode or rc != CHANGED:
        return rc == CHANGED
    return bool(plan.get("changes")) or not plan.get("waiting")


def diffs(plan: dict) -> list[dict]:
    """Ansible's own form of what a plan shows."""
    found = []
    for change in plan.get("changes", []):
        if change.get("diff"):
            before, after = texts(change["diff"])
        elif change.get("certificate"):
            before, after = fields(change["certificate"].get("replaces")), fields(change["certificate"])
        else:
            before, after = states(change)
        header = "%s (%s)" % (change["path"], change["resource"])
        found.append({"before_header": header, "after_header": header, "before": before, "after": after})
    return found


def texts(unified: str) -> tuple[str, str]:
    """The two texts of a unified diff, as far as it shows them, each line at its own place."""
    sides: tuple[list[str], list[str]] = ([], [])
    last: list[list[str]] = []
    for line in unified.splitlines(keepends=True)[2:]:
        place = HUNK.match(line)
        if place:
            for side, start, count in ((sides[0], 1, 2), (sides[1], 3, 4)):
                lines_before = int(place.group(start)) - (0 if place.group(count) == "0" else 1)
                side.extend(["\n"] * (lines_before - len(side)))
            continue
        if line.startswith("\\"):
            for side in last:
                side[-1] = side[-1].rstrip("\n")
            continue
        last = [side for side, sign in zip(sides, "-+") if line[0] in (" ", sign)]
        for side in last:
            side.append(line[1:])
    return "".join(sides[0]), "".join(sides[1])


def fields(certificate: dict | None) -> str:
    """A certificate by what it says."""
    if certificate is None:
        return ""
    shown = [("subject", certificate["subject"]), ("SANs", ", ".join(certificate["sans"]))]
    shown += [("key", certificate["key"]), ("until", certificate["not_after"])]
    return "".join("%-8s %s\n" % (name, value) for name, value in shown if value)


def states(change: dict) -> tuple[str, str]:
    """What is no text and no certificate: a key, a mode, a service."""
    reasons = "".join(reason["text"] + "\n" for reason in change["reasons"])
    if change["action"] == "create":
        return "", "created\n"
    if change["action"] == "delete":
        return "present: " + reasons, ""
    return reasons, change["action"] + "\n"


def failure(rc: int, errors: list[dict], stderr: str) -> str:
    """What the program said. All of it: a proof that fails ends with the last lines of dockerd's journal."""
    if rc not in (FAILED, BROKEN):
        return "dockseal ended with %d, which it never does: %s" % (rc, stderr.strip() or "it said nothing")
    said = stderr.strip()
    if not said:
        said = "\n".join("error: %s\n  help: %s" % (one.get("message"), one.get("hint")) for one in errors)
    return said.removeprefix("error: ")


def main() -> None:
    """Runs the program once: the plan that is returned is the one that was carried out."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path"},
            "content": {"type": "str"},
            "manifest": {"type": "dict"},
            "root": {"type": "path"},
            "allow_restart": {"type": "bool", "default": False},
            "advance": {"type": "bool", "default": False},
            "delete_keys": {"type": "bool", "default": False},
            "lock_timeout": {"type": "int", "default": 60},
            "passphrase": {"type": "str", "no_log": True},
            "passphrase_env": {"type": "str", "default": "DOCKSEAL_PASSPHRASE", "no_log": False},
            "executable": {"type": "str", "default": "dockseal"},
        },
        mutually_exclusive=[("path", "content", "manifest")],
        required_one_of=[("path", "content", "manifest")],
        supports_check_mode=True,
    )
    params = module.params
    environment = {"NO_COLOR": "1"}
    if params["passphrase"] is not None:
        environment[params["passphrase_env"]] = params["passphrase"]
    manifest = manifest_file(module)
    rc, stdout, stderr = module.run_command(command_line(module, manifest), environ_update=environment)
    if manifest != params["path"]:
        stderr = stderr.replace(manifest, "manifest")
    plan = read_plan(stdout)
    waiting = plan.get("waiting", [])
    if rc not in (IN_SYNC, CHANGED):
        errors = plan.get("errors", [])
        module.fail_json(
            msg=failure(rc, errors, stderr), rc=rc, errors=errors, needs_person=rc == BROKEN, plan=plan, waiting=waiting
        )
    if not plan:
        module.fail_json(
            msg="dockseal printed no plan; is it of the version of this collection?",
            rc=rc,
            errors=[],
            needs_person=False,
            plan=plan,
            waiting=waiting,
        )
    for line in stderr.splitlines():
        module.warn(line.removeprefix("note: "))
    result = {"changed": has_changed(module, rc, plan), "plan": plan, "waiting": waiting}
    result["restarted"] = (plan.get("restart") or {}).get("action") == "restart"
    if module._diff:
        result["diff"] = diffs(plan)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
