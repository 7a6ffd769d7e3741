"""The tables of this app: the feeds' rows, the ledger of imports, and what staff keep by hand."""

from customers.models.api_token import ApiToken, ServiceAccount
from customers.models.audit import AuditEntry
from customers.models.care import CustomerCare, Note
from customers.models.erasure import Erasure
from customers.models.feeds import (
    Customer,
    Engagement,
    Event,
    Feedback,
    FeedName,
    FullFeedRow,
    LoadedRow,
    Onboarding,
    ReportedRow,
    Step,
    data_date,
    newest_in_files,
    texts_have,
)
from customers.models.form_submission import FormSubmission
from customers.models.identity import ProviderIdentity
from customers.models.imports import Fix, ImportRun, QuarantinedRow, RowChange, Upload
from customers.models.inbox import Batch, InboxEvent
from customers.models.key_change import KeyChange
from customers.models.onboarding import COUNTER_OF_STEP, StepSighting
from customers.models.open_session import OpenSession
