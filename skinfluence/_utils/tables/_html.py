"""Tables as HTML: numbers aligned, bars of signed numbers, everything escaped."""

from html import escape

from skinfluence._utils.tables._cells import printable, value_text
from skinfluence._utils.tables._table import head_lines

#: Colours that are read on light and on dark ground; text has the colour of what is around it.
STYLE = """
.skinfluence{font-size:.9em;max-width:100%}
.skinfluence .scroll{overflow-x:auto;margin:0 0 1em}
.skinfluence table{border-collapse:collapse;margin:0;background:transparent;color:inherit;
border:0;font-variant-numeric:tabular-nums}
.skinfluence th,.skinfluence td{padding:.2em .6em;border:0;text-align:left;color:inherit;
background:transparent;white-space:nowrap}
.skinfluence th{font-weight:600}
.skinfluence td.n,.skinfluence th.n{text-align:right}
.skinfluence tbody tr{background:transparent}
.skinfluence thead th{vertical-align:bottom;border-bottom:1px solid rgba(128,128,128,.6)}
.skinfluence tbody td,.skinfluence tbody th{border-bottom:1px solid rgba(128,128,128,.2)}
.skinfluence th.g{padding-top:.8em;font-weight:normal;font-style:italic}
.skinfluence .bar{position:relative;width:7em;min-width:7em;padding:0}
.skinfluence .bar i{position:absolute;top:20%;bottom:20%;border-radius:2px}
.skinfluence .bar i.up{left:50%;background:#3f8fd2}
.skinfluence .bar i.down{right:50%;background:#e0702a}
.skinfluence td.bar::after{content:"";position:absolute;left:50%;top:0;bottom:0;
border-left:1px solid rgba(128,128,128,.6)}
.skinfluence p{margin:.3em 0;color:inherit}
.skinfluence p.t{font-weight:600}
.skinfluence .pairs td{white-space:normal;overflow-wrap:anywhere}
.skinfluence .pairs th{vertical-align:top}
""".replace("\n", "")


def table_html(table):
    """A table element; each group of rows is a body of its own."""
    title = f'<p class="t">{escape(table.title)}</p>' if table.title else ""
    groups = table.grouped()
    if not groups:
        return f"{title}<p>{escape(table.empty)}</p>"
    columns = [_Cells(column) for column in table.columns]
    n_cells = sum(1 + c.bars for c in columns)
    head = "".join(c.head() for c in columns)
    bodies = []
    for group in groups:
        rows = [f"<tr>{''.join(c.cell(r) for c in columns)}</tr>" for r in group.rows]
        if group.heading:
            heading = f'<th class="g" scope="rowgroup" colspan="{n_cells}">'
            rows.insert(0, f"<tr>{heading}{escape(group.heading)}</th></tr>")
        bodies.append(f"<tbody>{''.join(rows)}</tbody>")
    return (
        f'{title}<div class="scroll"><table><thead><tr>{head}</tr></thead>{"".join(bodies)}</table>'
        f"</div>{f'<p>{table.rest()}</p>' if table.rest() else ''}"
    )


def pairs_html(pairs):
    """A table element of names and descriptions."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in pairs.items
    )
    return f'<table class="pairs"><tbody>{rows}</tbody></table>'


class _Cells:
    """The cells of one column."""

    def __init__(self, column):
        self.name = column.name
        self.values = list(column.values)
        self.texts, self.numeric = column.cells(longest=max(48, column.longest))
        self.kind = ' class="n"' if self.numeric else ""
        self.bars = column.bar
        sizes = [abs(float(v)) for v in self.values if v is not None] if self.bars else []
        self.top = max((size for size in sizes if size == size), default=0.0)

    def head(self):
        """The column's name on the lines that it has in text."""
        title = f' title="{escape(printable(str(self.name)))}"'
        lines = "<br>".join(map(escape, head_lines(self.name)))
        bar = '<th class="bar"></th>' if self.bars else ""
        return f'<th scope="col"{self.kind}{title}>{lines}</th>{bar}'

    def cell(self, r):
        """The cell of a row, with its bar; a shortened value has the whole of it as its title."""
        text, title = self.texts[r], ""
        if text.endswith("..."):
            title = f' title="{escape(value_text(self.values[r]))}"'
        out = f"<td{self.kind}{title}>{escape(text)}</td>"
        if self.bars:
            out += self._bar(self.values[r])
        return out

    def _bar(self, value):
        if value is None or value != value or not self.top:
            return '<td class="bar" aria-hidden="true"></td>'
        side, part = "up" if value > 0 else "down", 50.0 * min(abs(value) / self.top, 1.0)
        return (
            f'<td class="bar" aria-hidden="true"><i class="{side}" style="width:{part:.1f}%"></i>'
            "</td>"
        )
