"""A Salesforce organisation: its accounts with their fields and rules, as far as an integration can see them.

What it answers follows the published contract: the Bulk API 2.0 guide, the REST API guide and the messages of the
platform. It keeps no more than a test needs, but what it keeps behaves as there: an external id is found in any case,
an empty cell leaves a field as it is, ``#N/A`` empties it, and a new account needs a name.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

NULL = "#N/A"
Record = dict[str, str | float | None]


@dataclass(frozen=True)
class Field:
    """A field of Account as the running user sees it."""

    name: str
    kind: str = "string"  # or double, date, picklist
    length: int = 255
    external_id: bool = False
    updateable: bool = True
    choices: tuple[str, ...] = ()

    @property
    def described(self) -> dict[str, object]:
        """What ``describe`` says of it."""
        return {
            "name": self.name,
            "type": self.kind,
            "length": self.length,
            "externalId": self.external_id,
            "unique": self.external_id,
            "idLookup": self.external_id,
            "createable": self.updateable,
            "updateable": self.updateable,
            "caseSensitive": False,
        }


@dataclass
class RowResult:
    """What became of one row of a job: an id, or Salesforce's words."""

    row: dict[str, str]
    id: str = ""
    created: bool = False
    error: str = ""


STANDARD = [Field("Id", "id", 18, updateable=False), Field("Name"), Field("Phone"), Field("Website")]


@dataclass
class Org:
    """The accounts, and the rules that this organisation's administrators have made."""

    fields: list[Field]
    accounts: list[Record] = field(default_factory=list)
    # As a flow of theirs would that runs before a record is saved.
    names_new_accounts: bool = False
    # Their validation rules: words where they are against a record.
    validation: Callable[[Record], str] = lambda _record: ""
    # External ids of accounts that somebody else is changing.
    locked: set[str] = field(default_factory=set)
    # How often each account was written, by its external id: what must not be doubled.
    writes: list[str] = field(default_factory=list)

    _by_key: dict[str, Record] = field(default_factory=dict)
    # Whether the running user may edit accounts.
    may_edit: bool = True

    @property
    def all_fields(self) -> list[Field]:
        return [*STANDARD, *self.fields]

    def find_field(self, name: str) -> Field | None:
        return next((each for each in self.all_fields if each.name.lower() == name.lower()), None)

    def find(self, key_field: str, key: str) -> Record | None:
        """The account with this external id, in any case."""
        if len(self._by_key) != len(self.accounts):
            self._by_key = {str(each.get(key_field) or each["Id"]).lower(): each for each in self.accounts}
        return self._by_key.get(key.lower())

    def add(self, values: Record) -> Record:
        """An account that has always been there."""
        account: Record = {"Id": f"001{len(self.accounts) + 1:012d}AAA", "Name": "Somebody's account", **values}
        self.accounts.append(account)
        return account

    def wrong_header(self, header: list[str], key_field: str) -> str:
        """Salesforce's words against the header of a job's CSV."""
        missing = [name for name in header if self.find_field(name) is None]
        if key_field.lower() not in [name.lower() for name in header]:
            missing.append(key_field)
        return f"Field name not found : {missing[0]}" if missing else ""

    def load(self, rows: list[dict[str, str]], key_field: str) -> list[RowResult]:
        """What becomes of the rows of a job's CSV."""
        keys = [{name.lower(): cell for name, cell in row.items()}[key_field.lower()] for row in rows]
        counts = Counter(key.lower() for key in keys)
        return [
            self._upsert(row, key_field, key, counts[key.lower()] > 1) for row, key in zip(rows, keys, strict=True)
        ]

    def _upsert(self, row: dict[str, str], key_field: str, key: str, twice: bool) -> RowResult:
        if not key or key == NULL:
            return RowResult(row, error=f"MISSING_ARGUMENT:{key_field} not specified:--")
        if twice:
            return RowResult(row, error=f"DUPLICATE_VALUE:Duplicate external id specified: {key}:{key_field} --")
        if key in self.locked:
            return RowResult(row, error="UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--")
        account = self.find(key_field, key)
        changed: Record = dict(account or {"Name": key if self.names_new_accounts else None})
        for name, cell in row.items():
            if error := self._write(changed, name, cell):
                return RowResult(row, error=error)
        if not changed["Name"]:
            return RowResult(row, error="REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --")
        if words := self.validation(changed):
            return RowResult(row, error=f"FIELD_CUSTOM_VALIDATION_EXCEPTION:{words}:--")
        self.writes.append(key)
        if account is None:
            self._by_key[key.lower()] = self.add(changed)
            return RowResult(row, str(self._by_key[key.lower()]["Id"]), created=True)
        account.update(changed)
        return RowResult(row, str(account["Id"]))

    def _write(self, record: Record, name: str, cell: str) -> str:
        """Write one cell; gives Salesforce's words where it cannot be."""
        found = self.find_field(name)
        assert found is not None
        if cell == "":
            return ""
        if not found.updateable:
            return (
                "INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: "
                f"{name}. Please check the security settings of this field:{name} --"
            )
        record[found.name] = None if cell == NULL else cell
        if cell == NULL:
            return ""
        if found.kind == "double":
            try:
                record[found.name] = float(cell)
            except ValueError:
                return f"Failed to deserialize field. Due to, '{cell}' is not a valid value for the type xsd:double"
        if found.choices and cell not in found.choices:
            return (
                f"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:{name}: "
                f"bad value for restricted picklist field: {cell}:{name} --"
            )
        if len(cell) > found.length:
            return f"STRING_TOO_LONG:{name}: data value too large: {cell} (max length={found.length}):{name} --"
        return ""
