"""What is scored, and what staff do about it."""

from analytics.models.alerts import Alert, AlertRule, Digest
from analytics.models.boards import Board, BoardDelivery, BoardTile
from analytics.models.contact import Contact, MailTemplate, Message
from analytics.models.deferrals import Deferral
from analytics.models.export_formats import ExportFormat
from analytics.models.forecasts import (
    FEWEST_CUSTOMERS,
    FEWEST_OUTCOMES,
    HORIZON,
    RECENT,
    TOPS,
    Figure,
    Forecast,
    ForecastAccuracy,
    ForecastCase,
    ForecastDay,
    ForecastModel,
    ForecastTarget,
)
from analytics.models.invitations import Invitation
from analytics.models.nights import Night
from analytics.models.outgoing.destinations import Destination, FieldMode, PushedCustomer, PushedValue
from analytics.models.outgoing.events import EventKind, WebhookEvent
from analytics.models.outgoing.pushes import FieldChange, Push, PushRow
from analytics.models.outgoing.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from analytics.models.playbooks import Playbook, PlaybookRun, PlaybookStep, PlaybookStepRun
from analytics.models.policies import EVERYBODY, MAXIMA, PolicyTrial, ScoringPolicy, Segment
from analytics.models.preferences import Preferences, time_zones
from analytics.models.reports import Report, ReportDelivery, Shared
from analytics.models.scoring import (
    CohortDay,
    HealthStatus,
    PortfolioDay,
    ReachedMilestones,
    Snapshot,
    SnapshotQuerySet,
    Stage,
    Trend,
    UrgentCustomer,
)
from analytics.models.tasks import ActionKind, Condition, RecommendationRule, Task
