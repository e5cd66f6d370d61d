"""Delivery beside the windows: what a run could not send, because of its ten seconds or of a source that is away."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cx_pipeline.orchestration.assets.messages import DELIVERY_BUDGET_S
from cx_pipeline.orchestration.resources import ConversationManager, Database
from cx_pipeline.orchestration.schedules import TRIGGER_TAG
from cx_pipeline.settings import Settings

INTERVAL_S = 10
OVERDUE_AFTER = timedelta(seconds=15)
"""Messages that are due for longer were left by the run that wrote them."""
OUTBOX_JOB = "outbox_job"
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.op(description="Delivers messages of the outbox that are due, for ten seconds at most.")
def deliver_messages(
    context: dg.OpExecutionContext,
    database: dg.ResourceParam[Database],
    conversation_manager: dg.ResourceParam[ConversationManager],
) -> None:
    """Send what is due; what fails waits for its next try."""
    report = conversation_manager.deliver(database.engine(), DELIVERY_BUDGET_S)
    context.add_output_metadata({"sent": report.sent, "delivered": report.delivered, "dead": report.dead})


@dg.job(
    name=OUTBOX_JOB,
    description="Delivers messages that the windows' runs left in the outbox.",
    tags={"dagster/priority": "5"},
)
def outbox_job() -> None:
    """One step."""
    deliver_messages()


def outbox_sensor(settings: Settings) -> dg.SensorDefinition:
    """Asks for delivery while messages are overdue: also when windows fail, as their Cisco source is away."""

    @dg.sensor(
        name="outbox_sensor",
        job_name=OUTBOX_JOB,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for delivery while messages of the outbox are overdue.",
    )
    def outbox_sensor(
        context: dg.SensorEvaluationContext, database: dg.ResourceParam[Database]
    ) -> dg.SensorResult:
        if settings.ccm_url is None:
            return dg.SensorResult(skip_reason="no conversation manager is set")
        if not database.outbox_reading().standing(datetime.now(UTC) - OVERDUE_AFTER).due:
            return dg.SensorResult(skip_reason="no message is overdue")
        if context.instance.get_runs(dg.RunsFilter(job_name=OUTBOX_JOB, statuses=_UNFINISHED), limit=1):
            return dg.SensorResult(skip_reason="a delivery is under way")
        return dg.SensorResult(run_requests=[dg.RunRequest(tags={TRIGGER_TAG: "outbox_sensor"})])

    return outbox_sensor
