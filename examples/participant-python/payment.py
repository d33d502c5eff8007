"""A participant of sagas in Python's standard library: python3 payment.py PORT FILE. What it owes is in docs/participants.md."""
import json, sqlite3, sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, FILE = int(sys.argv[1]), sys.argv[2]

def pay(db, body):
    if not isinstance(body.get("amount"), int) or body["amount"] <= 0:
        return 422, {"type": "bad-amount", "detail": "amount is a whole number above 0"}
    return 201, {"payment_id": db.execute("INSERT INTO payments (amount) VALUES (?)", [body["amount"]]).lastrowid}

def refund(db, paid):
    db.execute("UPDATE payments SET refunded = amount WHERE payment_id = ?", [paid["payment_id"]])
    return 200, {"refunded": True}

def known(db, saga):
    db.execute("BEGIN IMMEDIATE")  # waits for whoever writes: row and effect are one transaction, and calls come one by one
    row = db.execute("SELECT action, compensation FROM saga_ledger WHERE saga_id = ? AND step = ?", saga).fetchone()
    return row and [text and json.loads(text) for text in row]

def stands(db, saga):
    if not (row := known(db, saga)):
        return 200, {"state": "unknown"}
    action, compensation = row
    return 200, {"state": "done" if action and action[0] < 300 and not compensation else "undone"}

def settle(db, saga, path, body):
    action, compensation = known(db, saga) or (None, None)
    if path == "/pay":
        if compensation:
            return 409, {"type": "action-blocked", "detail": "it was compensated"}
        action = action or pay(db, body)
    elif not compensation:
        compensation = refund(db, action[1]) if action and action[0] < 300 else (200, {"status": "nothing-to-undo"})
    kept = (answer and json.dumps(answer) for answer in (action, compensation))
    db.execute("INSERT OR REPLACE INTO saga_ledger VALUES (?, ?, ?, ?)", [*saga, *kept])
    return action if path == "/pay" else compensation

class Payment(BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.ledger(lambda db, saga: settle(db, saga, self.path, body))

    def ledger(self, ask):
        with closing(sqlite3.connect(FILE, timeout=5, isolation_level=None)) as db:  # rolls back what was not committed
            try:
                answer = ask(db, (self.headers["Saga-Id"], self.headers["Saga-Step"]))
                db.execute("COMMIT")
            except sqlite3.OperationalError:
                answer = 503, {"type": "busy", "detail": "the database is locked"}
        self.answer(*answer)

    def do_GET(self):  # what stands of a call; or what saga verify looks at
        if self.path.startswith("/stands?"):
            return self.ledger(stands)
        (balance,) = sqlite3.connect(FILE).execute("SELECT total(amount) - total(refunded) FROM payments").fetchone()
        self.answer(200, {"balance": balance})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

sqlite3.connect(FILE).executescript("""PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS saga_ledger (saga_id, step, action, compensation, PRIMARY KEY (saga_id, step));
    CREATE TABLE IF NOT EXISTS payments (payment_id INTEGER PRIMARY KEY, amount, refunded DEFAULT 0);""")
server = ThreadingHTTPServer(("127.0.0.1", PORT), Payment)
print(f"payments at http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
