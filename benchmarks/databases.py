"""The databases that ``import.py`` measures: states that are kept and taken again, and each one's own loader."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLUMNS = """
    id varchar(64) NOT NULL, customer_id varchar(64) NOT NULL, date date NOT NULL,
    issues_tagged integer NOT NULL, prs_generated integer NOT NULL, prs_merged integer NOT NULL,
    prs_rejected integer NOT NULL, support_requests integer NOT NULL"""
BARE_TABLE = f"CREATE TABLE floor ({COLUMNS});"
FLOOR_TABLE = f"""
CREATE TABLE floor ({COLUMNS}, PRIMARY KEY (id), FOREIGN KEY (customer_id) REFERENCES customers_customer (id));
CREATE INDEX floor_customer_date ON floor (customer_id, date);
"""


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of the processors, the server's included."""

    clock: float
    processor: float


class Database(ABC):
    """A database and an archive, of which copies can be kept and taken again."""

    kind: str
    name: str

    def __init__(self, folder: Path, url: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.archive = folder / "archive"
        self.environment = {**os.environ, "DATABASE_URL": url, "DEBUG": "1", "ARCHIVE_DIR": str(self.archive)}

    @abstractmethod
    def sql(self, text: str) -> str:
        """What the database's own shell says to that."""

    @abstractmethod
    def copy_database(self, name: str, to: str) -> None:
        """Copy one prepared database to another name; "now" is the one that is measured."""

    @abstractmethod
    def load_floor(self, file: Path) -> str:
        """What makes the shell load a file."""

    def save(self, state: str) -> None:
        """Keep the database and the archive as they are."""
        self.sql("VACUUM;")
        self.sql("ANALYZE;")
        self.copy_database("now", state)
        shutil.copytree(self.archive, self.folder / f"archive-{state}")

    def restore(self, state: str) -> None:
        """Take the database and the archive of that name, and let the disk come to rest."""
        self.copy_database(state, "now")
        shutil.rmtree(self.archive)
        shutil.copytree(self.folder / f"archive-{state}", self.archive)
        os.sync()

    def run(self, job: str, path: Path) -> dict[str, Any]:
        """One measurement, in a process of its own."""
        command = [sys.executable, "-m", "benchmarks.import", "--job", job, str(path)]
        before = self._processor()
        done = subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE)
        result = json.loads(done.stdout)
        # The interpreter's start is left out of both.
        result["processor"] = self._processor() - before - result["start"]
        return result

    def floor(self, file: Path) -> Spent:
        """What the shell needs for the file, into a table that has its key, foreign key and index."""
        return self._loaded(FLOOR_TABLE, self.load_floor(file))

    def best(self, file: Path) -> Spent:
        """What an administrator needs at best, who builds key, foreign key and our indexes over the loaded rows."""
        return self._loaded(BARE_TABLE, self.load_floor(file) + self.build)

    def _loaded(self, table: str, load: str) -> Spent:
        self.sql(table)
        os.sync()
        before, start = self._processor(), time.perf_counter()
        self.sql(load)
        spent = Spent(time.perf_counter() - start, self._processor() - before)
        self.sql("DROP TABLE floor;")
        return spent

    def spent_by_server(self) -> float:
        """Seconds of the processor that a server has spent for sessions that are over."""
        return 0.0

    def _processor(self) -> float:
        shells = resource.getrusage(resource.RUSAGE_CHILDREN)
        return shells.ru_utime + shells.ru_stime + self.spent_by_server()

    @property
    @abstractmethod
    def build(self) -> str:
        """What builds key, foreign key and our indexes over the loaded rows."""


class Sqlite(Database):
    """A file."""

    kind, name = "sqlite", "SQLite"

    def __init__(self, folder: Path) -> None:
        self.file = folder / "now.sqlite3"
        super().__init__(folder, f"sqlite:///{self.file}")

    def sql(self, text: str) -> str:
        done = subprocess.run(
            ["sqlite3", "-bail", self.file], input=text, text=True, check=True, stdout=subprocess.PIPE
        )
        return done.stdout.strip()

    def copy_database(self, name: str, to: str) -> None:
        self.sql("PRAGMA wal_checkpoint(TRUNCATE);")
        for ending in ("-wal", "-shm"):
            (self.folder / f"{to}.sqlite3{ending}").unlink(missing_ok=True)
        shutil.copy(self.folder / f"{name}.sqlite3", self.folder / f"{to}.sqlite3")

    @property
    def build(self) -> str:
        counters = "issues_tagged, prs_generated, prs_merged, prs_rejected, support_requests"
        known = "SELECT COUNT(*) FROM floor LEFT JOIN customers_customer c ON c.id = customer_id WHERE c.id IS NULL"
        return (
            "PRAGMA cache_size=-2048;\nPRAGMA threads=2;\nBEGIN;\nCREATE UNIQUE INDEX floor_key ON floor (id);\n"
            f"CREATE INDEX floor_customer_date ON floor (customer_id, date, {counters});\n{known};\nCOMMIT;\n"
        )

    def load_floor(self, file: Path) -> str:
        return (
            "PRAGMA synchronous=NORMAL;\nPRAGMA foreign_keys=ON;\nPRAGMA cache_size=-65536;\n.mode csv\n"
            f".import --skip 1 {file} floor\n"
        )

    @property
    def version(self) -> str:
        """Of the library and of the shell."""
        shell = subprocess.run(["sqlite3", "--version"], check=True, text=True, stdout=subprocess.PIPE).stdout
        return f"SQLite {sqlite3.sqlite_version}, its shell {shell.split()[0]}"


class Postgres(Database):
    """A server that is thrown away."""

    kind, name = "postgres", "PostgreSQL"

    def __init__(self, folder: Path, url: str) -> None:
        self.server, _slash, _name = url.rpartition("/")
        super().__init__(folder, f"{self.server}/now")
        self.copy_database("template0", "now")

    def sql(self, text: str, database: str = "now") -> str:
        done = subprocess.run(
            ["psql", "-qtAX", "-v", "ON_ERROR_STOP=1", "-d", f"{self.server}/{database}"],
            input=text,
            text=True,
            check=True,
            stdout=subprocess.PIPE,
        )
        return done.stdout.strip()

    def copy_database(self, name: str, to: str) -> None:
        self.sql(
            f"SET client_min_messages = warning;\nDROP DATABASE IF EXISTS {to};\n"
            f"CREATE DATABASE {to} TEMPLATE {name};\nCHECKPOINT;",
            "postgres",
        )

    @property
    def build(self) -> str:
        return (
            "SET maintenance_work_mem = '256MB';\nALTER TABLE floor ADD PRIMARY KEY (id);\n"
            "CREATE INDEX ON floor (customer_id, date);\nCREATE INDEX ON floor (date);\n"
            "ALTER TABLE floor ADD FOREIGN KEY (customer_id) REFERENCES customers_customer (id);\n"
        )

    def spent_by_server(self) -> float:
        pid = (Path(self.sql("SHOW data_directory;")) / "postmaster.pid").read_text().split()[0]
        # Its own seconds, and those of the sessions that it has waited for.
        spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")

    def load_floor(self, file: Path) -> str:
        return f"\\copy floor FROM '{file}' WITH (FORMAT csv, HEADER)\n"

    @property
    def version(self) -> str:
        """Of the server."""
        return f"PostgreSQL {self.sql('SHOW server_version;')}, fsync off, otherwise as it comes"
