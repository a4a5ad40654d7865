# SPDX-License-Identifier: LGPL-2.1-or-later
"""The peer of burnin.cgi in tests/bench/web.py: the usual stack, FastAPI in one uvicorn worker over SQLite, with the same answers.

    python3 fastapi_peer.py DATABASE PORT

The database is made by web.py from what burnin.cgi answered: a column for each key, JSON text for what is nested, as burnind has it.
It is as fast as that stack gets: async handlers, no models, no thread pool, uvloop and httptools."""
import hashlib
import json
import sqlite3
import sys

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

app = FastAPI()
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, check_same_thread=False)
db.row_factory = sqlite3.Row
NESTED = {table: {row["name"] for row in db.execute(f"PRAGMA table_info({table})") if row["type"] == "JSON"}
          for table in ("drives", "jobs")}
TRUTH = {table: {row["name"] for row in db.execute(f"PRAGMA table_info({table})") if row["type"] == "BOOL"}
         for table in ("drives", "jobs")}


def rows(table, where, *arguments):
    nested, truth = NESTED[table], TRUTH[table]
    return [{key: json.loads(row[key]) if key in nested and row[key] is not None
             else bool(row[key]) if key in truth and row[key] is not None else row[key] for key in row.keys()}
            for row in db.execute(f"SELECT * FROM {table} WHERE {where}", arguments)]


def logged_in(request):
    token = request.cookies.get("burnin_session", "")
    return db.execute("SELECT role FROM sessions WHERE token_sha256 = ?", (hashlib.sha256(token.encode()).hexdigest(),)).fetchone()


@app.get("/api/v1/drives")
async def drives(request: Request):
    if not logged_in(request):
        return JSONResponse({"error": {"code": "NotLoggedIn"}}, 401)
    found = rows("drives", "1")
    return JSONResponse({"drives": found, "total": len(found), "offset": 0})


@app.get("/api/v1/drives/{drive}/drawer")
async def drawer(drive: str, request: Request):
    if not logged_in(request):
        return JSONResponse({"error": {"code": "NotLoggedIn"}}, 401)
    found = rows("drives", "id = ?", drive)
    if not found:
        return JSONResponse({"error": {"code": "NoSuchDrive"}}, 404)
    jobs = rows("jobs", "drive_id = ? ORDER BY id DESC LIMIT 10", drive)
    return JSONResponse({"drive": found[0], "job": jobs[0] if jobs else None, "jobs": jobs})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False, loop="uvloop", http="httptools")
