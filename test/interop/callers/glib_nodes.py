"""Reads introspection data with GLib: a JSON list of texts on the standard input, what GLib reads of each on the output.

Each result is null if GLib refuses the text, or an object with the interfaces and the objects below.
"""
import json
import sys

import gi

gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib  # noqa: E402


def annotations(of):
    return [[each.key, each.value] for each in of.annotations or []]


def arguments(of):
    return [[each.name, each.signature, annotations(each)] for each in of or []]


def node(of):
    return {
        'name': of.path,
        'interfaces': [{
            'name': each.name,
            'annotations': annotations(each),
            'methods': [[m.name, arguments(m.in_args), arguments(m.out_args), annotations(m)] for m in each.methods or []],
            'signals': [[s.name, arguments(s.args), annotations(s)] for s in each.signals or []],
            'properties': [[p.name, p.signature, int(p.flags), annotations(p)] for p in each.properties or []],
        } for each in of.interfaces or []],
        'children': [node(each) for each in of.nodes or []],
    }


def read(text):
    try:
        return node(Gio.DBusNodeInfo.new_for_xml(text))
    except GLib.Error:
        return None


json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
