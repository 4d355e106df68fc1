"""The frame of an HTML report: one file, no network, and no script even if one got in."""

from __future__ import annotations

from html import escape

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ddd; padding: .3rem .7rem; text-align: left; vertical-align: top; }
td.number { text-align: right; }
td { overflow-wrap: anywhere; white-space: pre-wrap; }
pre { padding: .6rem; margin: .3rem 0; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
pre.source { background: #f5f5f5; } pre.error { background: #fdeeee; } pre.output { border-left: 3px solid #ddd; }
.withheld { color: #777; } img { max-width: 100%; }
.passed { color: #17692b; } .failed { color: #a3201b; }
"""


def page(title: str, body: str) -> str:
    """A whole page; `title` is text, `body` is HTML whose every foreign part was escaped."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def table(heading: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are already HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heading)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
