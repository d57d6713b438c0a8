"""Models asked for texts that people try on policies: from any thread, and what it will cost."""

from __future__ import annotations

from contracts.chat import Usage
from contracts.ports import ModelQuestion
from gateway.process import running
from routing.engine.cost import cost_nanousd


class TenantAsker:
    """Asks in the name of a tenant, through this process's gateway."""

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id

    async def ask(self, question: ModelQuestion) -> str:
        """What the model answered.

        Raises:
            GatewayError: the call was refused, or failed.
        """
        process = running()
        return await process.here(process.runtime.ask_for(self.tenant_id, question))

    def estimate_nanousd(self, route: str, *, input_tokens: int, output_tokens: int) -> int | None:
        """What so many tokens cost at the route's first target; None where there is no route or price."""
        process = running()
        tenant, platform = process.run(process.runtime.specs_for(self.tenant_id))
        for known in (*(tenant.routes if tenant else ()), *platform.routes):
            if known.name == route and known.targets:
                usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
                return cost_nanousd(usage, known.targets[0].model.price)
        return None
