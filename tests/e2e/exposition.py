# SPDX-License-Identifier: MIT
"""A reader of Prometheus' text format (version 0.0.4) that takes nothing that is not in its rules."""

import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
TYPES = ("counter", "gauge", "histogram", "summary", "untyped")
SUFFIXES = {"summary": ("_sum", "_count", ""), "histogram": ("_sum", "_count", "_bucket")}


class Family:
    def __init__(self):
        self.type = None
        self.help = None
        self.samples = {}  # (suffix, ((label, value), ...)): number


def fail(number, line, why):
    raise AssertionError(f"line {number}: {why}: {line}")


def unescape(text, quoted, number, line):
    """Backslash, newline, and in labels the quote; nothing else is escaped."""
    known = {"\\": "\\", "n": "\n"}
    if quoted:
        known['"'] = '"'
    out, i = "", 0
    while i < len(text):
        if text[i] == "\\":
            if i + 1 == len(text) or text[i + 1] not in known:
                fail(number, line, "an escape that does not exist")
            out += known[text[i + 1]]
            i += 2
        else:
            out += text[i]
            i += 1
    return out


def labels(text, number, line):
    """What is between the braces, and what comes after them."""
    found, i = [], 1
    while text[i] != "}":
        name = LABEL.match(text, i)
        if not name or text[name.end():name.end() + 2] != '="':
            fail(number, line, "no label")
        i = name.end() + 2
        value = re.compile(r'(?:[^"\\]|\\.)*"').match(text, i)
        if not value:
            fail(number, line, "a label's value does not end")
        found.append((name[0], unescape(value[0][:-1], True, number, line)))
        i = value.end()
        if text[i] == ",":
            i += 1
        elif text[i] != "}":
            fail(number, line, "no comma between labels")
    if len({name for name, _ in found}) != len(found):
        fail(number, line, "a label is there twice")
    return tuple(sorted(found)), text[i + 1:]


def comment(families, order, number, line):
    match = re.fullmatch(r"# (HELP|TYPE) (\S+) ?(.*)", line)
    if not match:
        return
    kind, name, rest = match.groups()
    if not NAME.fullmatch(name):
        fail(number, line, "no name of a metric")
    family = families.setdefault(name, Family())
    if family.samples:
        fail(number, line, "after its samples")
    if not order or order[-1] != name:
        if name in order:
            fail(number, line, "the family is in two places")
        order.append(name)
    if kind == "HELP":
        if family.help is not None:
            fail(number, line, "a second HELP")
        family.help = unescape(rest, False, number, line)
    else:
        if family.type is not None or rest not in TYPES:
            fail(number, line, "a second TYPE, or one that does not exist")
        family.type = rest


def family_of(families, name):
    for base, family in families.items():
        for suffix in SUFFIXES.get(family.type, ("",)):
            if name == base + suffix:
                return base, suffix
    return None, None


def sample(families, order, number, line):
    name = NAME.match(line)
    if not name:
        fail(number, line, "no name of a metric")
    rest, found = line[name.end():], ()
    if rest.startswith("{"):
        found, rest = labels(rest, number, line)
    parts = rest.split()
    if not rest.startswith(" ") or len(parts) not in (1, 2):
        fail(number, line, "no value after a blank")
    value = float(parts[0])
    base, suffix = family_of(families, name[0])
    if base is None:
        fail(number, line, "a sample without a TYPE")
    if order[-1] != base:
        fail(number, line, "the samples of a family are not together")
    family = families[base]
    if family.type == "counter" and not name[0].endswith("_total"):
        fail(number, line, "a counter whose name does not end in _total")
    if family.type == "counter" and value < 0:
        fail(number, line, "a counter below zero")
    if (suffix, found) in family.samples:
        fail(number, line, "the same sample twice")
    family.samples[suffix, found] = value


def parse(text):
    """Families by name. Raises where a rule is broken."""
    families, order = {}, []
    if not text.endswith("\n"):
        raise AssertionError("the last line has no end")
    for number, line in enumerate(text[:-1].split("\n"), 1):
        if not line:
            continue
        if line.startswith("#"):
            comment(families, order, number, line)
        else:
            sample(families, order, number, line)
    for name, family in families.items():
        if not family.samples or family.type is None or not family.help:
            raise AssertionError(f"{name}: no samples, TYPE or HELP")
    return families


def value(families, metric, suffix="", **wanted):
    """The one sample with these labels among others."""
    found = [number for (s, have), number in families[metric].samples.items()
             if s == suffix and wanted.items() <= dict(have).items()]
    if len(found) != 1:
        raise AssertionError(f"{metric} {wanted}: {len(found)} samples")
    return found[0]
