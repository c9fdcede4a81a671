"""Markdown on standard input, read by GitHub's own cmark-gfm; as JSON: which HTML elements come of it, what stands outside of
code (code itself is a ¤), and what stands in it."""

import html.parser
import json
import sys

import cmarkgfm
from cmarkgfm.cmark import Options


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.elements, self.prose, self.code, self.depth = [], "", "", 0

    def handle_starttag(self, tag, attributes):
        self.elements.append([tag, [list(pair) for pair in attributes], self.depth])
        if tag == "code":
            self.depth += 1
            self.prose += "¤"

    def handle_endtag(self, tag):
        self.depth -= tag == "code"

    def handle_comment(self, text):
        self.elements.append(["<!--", [], self.depth])

    def handle_data(self, text):
        if self.depth:
            self.code += text
        else:
            self.prose += text


reader = Reader()
text = sys.stdin.read()
reader.feed(cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE))
reader.close()
json.dump({"elements": reader.elements, "prose": reader.prose, "code": reader.code}, sys.stdout)
