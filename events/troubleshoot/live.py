"""What is asked of the two systems on request: do the credentials work, is the webhook active. No transaction."""

from __future__ import annotations

from dataclasses import asdict

from broker_project.lib.errors import BrokerError
from connectors.access import caller, open_external, open_field_nation
from connectors.fieldnation.webhook_logs import WebhooksApi
from connectors.models import Company, Connector
from connectors.platforms.contract import TestResult
from connectors.tokens import tokens_for
from events.catch_up import is_ours

from .facts import Live


def test_connection(connector: Connector) -> Live:
    """Sign in to the external system and to Field Nation, as the pages' own buttons do; nothing is written there."""
    return Live(external=_external(connector), field_nation=_field_nation(connector.company))


def _external(connector: Connector) -> TestResult:
    try:
        client = open_external(
            connector_id=connector.pk,
            slug=connector.platform,
            configured=connector.settings,
            secrets=connector.secrets,
            through=caller(hide=connector.secrets),
        )
        return client.test()
    except BrokerError as error:
        return TestResult.failed(error)


def _field_nation(company: Company) -> TestResult:
    try:
        credentials = company.credentials()
        through = caller(credentials=credentials)
        return open_field_nation(company_id=company.pk, credentials=credentials, through=through).test()
    except BrokerError as error:
        return TestResult.failed(error)


def ask_webhooks(company: Company) -> Live:
    """Ask Field Nation for the webhooks that lead to this company's address."""
    try:
        credentials = company.credentials()
        through = caller(credentials=credentials)
        hooks = WebhooksApi(credentials, through, tokens_for(f"company:{company.pk}", asdict(credentials))).hooks()
    except BrokerError as error:
        return Live(hooks_problem=error.sentence)
    return Live(hooks=[hook for hook in hooks if is_ours(hook, company)])
