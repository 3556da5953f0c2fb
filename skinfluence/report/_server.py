"""ReviewServer: the review page from this computer, decisions on the disk, rows ranked anew."""

import copy
import hmac
import json
import secrets
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

from skinfluence._utils.checks import check_whole
from skinfluence._utils.decisions import (
    Decision,
    DecisionsError,
    TableKey,
    append_decision,
    continue_decisions,
    now,
)
from skinfluence.report._neighbors import label_text

#: Bytes of a request at most.
_LONGEST = 65_536
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ReviewServer:
    """Server of a review page for the browsers of this computer.

    Each decision is on the disk before it is acknowledged. After every `every` decisions the labels
    that were kept or changed go to :meth:`skinfluence.LabelFlagger.update`, and the remaining rows
    are ranked anew.

    Parameters
    ----------
    report : Report
        As :func:`~skinfluence.report.audit_report` makes it.
    path : str or path-like
        Decisions file. Decisions that it holds already are continued.
    every : int, default=20
        Number of decisions between two updates.

    Attributes
    ----------
    url : str
        Address of the page, with its token. Anyone who has it can decide.
    """

    def __init__(self, report, path, *, every=20):
        check_whole("every", every)
        self._report, self._path, self._every = report, path, every
        self._key = TableKey(**report._data["key"])
        self._lock, self._due = threading.Lock(), threading.Event()
        self._serving = self._closed = False
        self._given = {row["id"]: row["given"] for row in report._data["rows"]}
        self._score = {row["id"]: row["score"] for row in report._data["rows"]}
        self._rows, self._pictures = report._data["rows"], report._data["pictures"]
        self._context = {}  # what the template shows otherwise than at first
        self._decisions = continue_decisions(path, self._key)
        for decision in self._decisions.values():  # also of rows that are not on the first page
            self._given.setdefault(decision.row, decision.given)
            self._score.setdefault(decision.row, decision.score)
        self._version, self._rank, self._used = len(self._decisions), 0, 0
        self._problem = ""
        self._token = secrets.token_urlsafe(32)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self._host}/?token={self._token}"
        if self._decisions:
            self._due.set()

    def serve(self):
        """Serve until :meth:`close` is called or the process is interrupted.

        Rows are ranked anew in the calling thread, and requests answered in others.
        """
        with self._lock:
            if self._closed:
                return
            self._serving = True
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        try:
            self._work()
        finally:
            self._server.shutdown()
            self._server.server_close()

    def close(self):
        """End :meth:`serve`, from another thread; a server that is closed never serves."""
        with self._lock:
            self._closed = True
            if not self._serving:
                self._server.server_close()
        self._due.set()

    def _append(self, entry):
        """Append a decision, a dict as the page sends it, and return the state."""
        decision = self._checked(entry)
        with self._lock:
            append_decision(self._path, self._key, decision)
            self._decisions.pop(decision.row, None)
            if decision.decision != "undo":
                self._decisions[decision.row] = decision
            self._version += 1
            if self._version % self._every == 0:
                self._due.set()
        return self._state()

    def _state(self):
        """Decisions in force, the last at the end, and how often anything changed."""
        with self._lock:
            decisions = [asdict(decision) for decision in self._decisions.values()]
            return {
                "version": self._version,
                "rank": self._rank,
                "problem": self._problem,
                "decisions": decisions,
            }

    def _checked(self, entry):
        try:
            row, decision = int(entry["row"]), str(entry["decision"])
            label, note = str(entry["label"]), str(entry["note"])
        except (KeyError, TypeError, ValueError) as error:
            raise DecisionsError("Expected row, decision, label and note.") from error
        if row not in self._given:
            raise DecisionsError(f"Row {row} is not on the page.")
        if decision == "relabel":
            self._check_label(label)
        return Decision(
            row, self._given[row], decision, label, self._score[row], note[:1000], now()
        )

    def _check_label(self, label):
        data = self._report._data
        if data["kind"] == "classes" and label not in data["labels"]:
            raise DecisionsError(f"{label[:60]!r} is none of the classes.")
        if data["kind"] == "values":
            try:
                finite = np.isfinite(float(label)) and label.isascii() and "_" not in label
            except ValueError:
                finite = False
            if not finite:
                raise DecisionsError(f"{label[:60]!r} is no finite number.")

    def _work(self):
        """Update the ranking whenever it is due."""
        while self._due.wait() and not self._closed:
            self._due.clear()
            with self._lock:
                decisions = dict(self._decisions)
            problem = ""
            try:
                self._update(decisions)
            except Exception as error:  # decisions go on, and the page shows it
                problem = (
                    f"The rows were not ranked anew ({type(error).__name__}: {error}). Decisions "
                    "are saved."
                )
            with self._lock:
                self._problem = problem

    def _update(self, decisions):
        """Rank the rows anew, from the first flagger and all labels that are decided."""
        ids = self._report._about["ids"]
        flagger = copy.copy(self._report.flagger)
        ids = np.arange(len(flagger.flagged_)) if ids is None else np.asarray(ids)
        position = dict(zip(ids.tolist(), range(len(ids)), strict=True))
        labels = {
            position[d.row]: d.label if d.decision == "relabel" else d.given
            for d in decisions.values()
            if d.decision in ("keep", "relabel") and d.row in position
        }
        if flagger.target_type_ == "classes":
            known = {label_text(c): c for c in flagger.classes_}
            # a class that the model has not seen may stand in a file that was edited
            values = {place: known[label] for place, label in labels.items() if label in known}
        else:
            values = {place: float(label) for place, label in labels.items()}
        if values:
            flagger.update(list(values), list(values.values()))
        found, context = self._report.after_update(flagger)
        there = {row["id"] for row in found["rows"]}
        with self._lock:
            for row in found["rows"]:
                self._given.setdefault(row["id"], row["given"])
                self._score[row["id"]] = row["score"]
            made = self._decisions  # also while the rows were ranked
            decided = [r for r in self._rows if r["id"] in made and r["id"] not in there]
            self._rows, self._context = found["rows"] + decided, context
            self._pictures = self._pictures | found["pictures"]
            self._rank, self._used = self._rank + 1, len(values)

    def _ranked(self):
        """(what the scripts read of the rows as they are ranked now, values for the template)."""
        with self._lock:
            rows = {"rows": self._rows, "pictures": self._pictures}
            return rows | {"rank": self._rank, "used": self._used}, self._context

    def _changed(self):
        """The rows as they are ranked now, and the parts of the page that say what was found."""
        found, context = self._ranked()
        return found | {"parts": self._report._parts(context)}

    def _page(self):
        state, (found, context) = self._state(), self._ranked()
        server = {"token": self._token, **state, "rank": found["rank"]}
        data = self._report._data | {name: found[name] for name in ("rows", "pictures")}
        data["server"] = server
        return self._report._render(data, context, connect="'self'")

    def _handler(self):
        """Class of request handlers of this server."""
        review = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_GET(self):
                parts = urlsplit(self.path)
                token = self.headers.get("X-Token", "")
                if parts.path == "/":
                    token = parse_qs(parts.query).get("token", [""])[0]
                if not self._is_allowed(token):
                    return
                if parts.path == "/":
                    self._send(200, review._page(), "text/html")
                elif parts.path == "/state":
                    self._send(200, json.dumps(review._state()), "application/json")
                elif parts.path == "/rows":
                    self._send(200, json.dumps(review._changed()), "application/json")
                else:
                    self._send(404, "There is no such page.")

            def do_POST(self):
                if not self._is_allowed(self.headers.get("X-Token", "")):
                    return
                length = self.headers.get("Content-Length", "")
                kind = self.headers.get("Content-Type", "").partition(";")[0]
                if not length.isdecimal() or int(length) > _LONGEST or kind != "application/json":
                    self._send(400, f"Expected at most {_LONGEST} bytes of JSON.")
                elif self.path != "/decide":
                    self._send(404, "There is no such page.")
                else:
                    self._decide(self.rfile.read(int(length)))

            def _decide(self, body):
                try:
                    state = review._append(json.loads(body))
                except (DecisionsError, ValueError) as error:
                    self._send(400, str(error))
                except OSError as error:
                    self._send(500, f"The decisions file cannot be written: {error}.")
                else:
                    self._send(200, json.dumps(state), "application/json")

            def _is_allowed(self, token):
                """Whether host, origin and token are right; answers where they are not."""
                own = review._host
                origin = self.headers.get("Origin", f"http://{own}")
                right = hmac.compare_digest(token.encode(), review._token.encode())
                if self.headers.get_all("Host") == [own] and origin == f"http://{own}" and right:
                    return True
                self._send(403, "Open the address that skinfluence review has printed.")
                return False

            def _send(self, status, text, kind="text/plain"):
                body = text.encode("utf-8", "replace")
                self.send_response(status)
                headers = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": len(body)}
                if status != 200:  # what was sent along is not read
                    headers["Connection"] = "close"
                for name, value in {**_HEADERS, **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                """Stay silent."""

        return Handler
