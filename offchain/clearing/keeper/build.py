"""Wire the jobs as the configuration says, and run them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from clearing.chain.contract import as_address
from clearing.chain.node import HttpNode, Node
from clearing.clearport.daemon.logs import make_log
from clearing.clearport.daemon.world import Log
from clearing.clearport.errors import ConfigError
from clearing.clearport.metrics_port import serve_registry
from clearing.clearport.recorded import field_of, recorded_at
from clearing.clearport.signer.account import AccountKey
from clearing.clearport.signer.build import signer_of
from clearing.clearport.signer.port import DigestSigner
from clearing.keeper.config import Config, GasTable, JobName
from clearing.keeper.contracts import Swaps
from clearing.keeper.costs import GasModel
from clearing.keeper.endpoints import Agreement, Endpoints
from clearing.keeper.jobs.funding import FundingJob, FundingPolicy
from clearing.keeper.jobs.job import Desk, Job
from clearing.keeper.jobs.liquidation import LiquidationJob, LiquidationPolicy
from clearing.keeper.jobs.oracle import OracleJob
from clearing.keeper.jobs.settlement import SettlementJob, SettlementPolicy
from clearing.keeper.lane import Lane, LanePolicy
from clearing.keeper.meters import Meters
from clearing.keeper.metrics import registry_of
from clearing.keeper.oracle_plan import OraclePolicy
from clearing.keeper.plan import PlanPolicy
from clearing.keeper.replica import Replica, ReplicaPolicy
from clearing.keeper.store import Store
from clearing.keeper.supervisor import Running, Supervisor
from clearing.keeper.updates import Hermes
from clearing.spec.units import Address

__all__ = ["build", "endpoints_of", "locate_lens", "run_keeper"]

GWEI: Final = 10**9
WAD: Final = 10**18
ROLE: Final = "PerpLens"


async def run_keeper(config: Config, jobs: Sequence[JobName], *, is_standby: bool) -> None:
    """Run jobs until SIGTERM or SIGINT. Raises ClearportError, ChainError, KeeperError."""
    file = None if config.log.file is None else config.at(config.log.file)
    log = make_log(config.log.level, file)
    with build(config, jobs, log, is_standby=is_standby) as running:
        ready: dict[str, object] = {"jobs": ",".join(jobs), "standby": is_standby}
        meters = [each.meters for each in running]
        if config.metrics is not None:
            place = config.metrics
            ready["metrics_port"] = serve_registry(registry_of(meters), place.host, place.port)
        log.info("keeper_ready", **ready)
        supervisor = Supervisor(running, log, config.at(config.state), is_standby=is_standby)
        await supervisor.run()
        log.info("keeper_stopped")


@contextmanager
def build(
    config: Config, jobs: Sequence[JobName], log: Log, *, is_standby: bool
) -> Iterator[list[Running]]:
    """Yield the jobs, ready; let go of keys and store afterwards. Blocks while keys are opened."""
    endpoints = endpoints_of(config)
    lens = locate_lens(config, endpoints)
    keys = _keys(config, jobs)
    try:
        swaps = Swaps.behind(endpoints, lens)
        with Store(config.at(config.state)) as store:
            yield [
                _running(config, job, key, swaps, endpoints, store, log, is_standby=is_standby)
                for job, key in zip(jobs, keys, strict=True)
            ]
    finally:
        for key in keys:
            key.close()


def endpoints_of(config: Config) -> Endpoints:
    """Return the nodes."""
    chain = config.chain
    nodes = [_node(url, chain.timeout_s) for url in chain.urls]
    return Endpoints(nodes, chain.chain_id, Agreement(chain.max_lag_blocks, chain.max_age_s))


def _node(url: str, timeout_s: float) -> HttpNode:
    """Return a node whose errors name its host alone: paths and queries of URLs hold keys."""
    node = HttpNode(url, timeout_s)
    node.url = urlsplit(url).hostname or "the endpoint"
    return node


def locate_lens(config: Config, node: Node) -> Address:
    """Return where the lens stands. Raises ConfigError."""
    chain = config.chain
    if chain.lens is not None:
        return as_address(chain.lens)
    try:
        return recorded_at(chain, config.folder, node).address_of(ROLE)
    except KeyError:
        raise ConfigError(
            f"records no {ROLE}", "deploy it, or give lens", field=field_of(chain)
        ) from None


def _keys(config: Config, jobs: Sequence[JobName]) -> list[DigestSigner]:
    """Open a key for each job; one key has one sequence of nonces, so no two jobs share one."""
    with ExitStack() as opened:
        keys: dict[Address, DigestSigner] = {}
        for job in jobs:
            key = signer_of(config.signer_of(job), f"{job}.account")
            opened.callback(key.close)
            if key.address in keys:
                problem = "another job sends from this account"
                raise ConfigError(problem, "give each job its own", field=f"{job}.account")
            keys[key.address] = key
        opened.pop_all()
        return list(keys.values())


def _running(
    config: Config,
    job: JobName,
    key: DigestSigner,
    swaps: Swaps,
    endpoints: Endpoints,
    store: Store,
    log: Log,
    *,
    is_standby: bool,
) -> Running:
    gas = config.gas
    policy = LanePolicy(
        max_fee_wei=_times(gas.max_fee_gwei, GWEI),
        tip_wei=_times(gas.tip_gwei, GWEI),
        replace_after_blocks=gas.replace_after_blocks,
        final_depth=gas.final_depth,
    )
    lane = Lane(endpoints, AccountKey(key, config.chain.chain_id), store, policy)
    meters = Meters(job)
    desk = Desk(job, endpoints, lane, store, meters, log, poll_s=config.chain.poll_s)
    made = _job(config, job, desk, swaps, is_standby=is_standby)
    return Running(made, meters)


def _job(config: Config, job: JobName, desk: Desk, swaps: Swaps, *, is_standby: bool) -> Job:
    waits = config.standby if is_standby else None
    delay_s = 0.0 if waits is None else waits.delay_s
    jitter_s = 0.0 if waits is None else waits.jitter_s
    if job == "funding" and config.funding is not None:
        policy = FundingPolicy(config.funding.delay_s + delay_s, jitter_s)
        return FundingJob(desk, swaps, policy)
    if job == "oracle" and config.oracle is not None:
        table = config.oracle
        wanted = OraclePolicy(
            poke_every_s=table.poke_every_s,
            poke_move_bps=table.poke_move_bps,
            pyth_move_bps=table.pyth_move_bps,
            pyth_max_age_s=table.pyth_max_age_s,
            day_fee_wei=_times(table.fee_ether_per_day, WAD),
        )
        service = _service(config)
        return OracleJob(desk, swaps, wanted, service, delay_s=delay_s, jitter_s=jitter_s)
    if job == "settlement" and config.settlement is not None:
        files = config.settlement
        folder = config.at(files.folder)
        return SettlementJob(
            desk, swaps, SettlementPolicy(folder, files.most_fills, delay_s=delay_s)
        )
    return _liquidation(config, desk, swaps, delay_s, jitter_s)


def _gas_model(gas: GasTable) -> GasModel:
    return GasModel(
        batch=gas.batch,
        account=gas.account,
        absorb=gas.absorb,
        operator_ppm=gas.operator_ppm,
        operator_wei=gas.operator_wei,
        absorb_limit=gas.absorb_limit,
        absorb_market_limit=gas.absorb_market_limit,
    )


def _liquidation(
    config: Config, desk: Desk, swaps: Swaps, delay_s: float, jitter_s: float
) -> LiquidationJob:
    table, gas, chain = config.liquidation, config.gas, config.chain
    if table is None:
        raise ConfigError("is not there", "add it, or do not ask for it", field="liquidation")
    owner = swaps.engine.call("accountOf", table.liquidator)[0]
    if owner != desk.lane.address:
        problem = f"account {table.liquidator} is not owned by {desk.lane.sender}"
        raise ConfigError(problem, "name an account of the job's signer", field="liquidation")
    policy = LiquidationPolicy(
        liquidator=table.liquidator,
        plan=PlanPolicy(
            min_profit_wad=_times(table.min_profit_usd, WAD),
            inventory_ppm=table.inventory_ppm,
            batch=table.batch,
            most_notional_wad=_times(table.most_notional_usd, WAD),
        ),
        gas=_gas_model(gas),
        ether_market=gas.ether_market,
        ether_usd=gas.ether_usd,
        delay_s=delay_s,
        jitter_s=jitter_s,
        rescue_day_wad=_times(table.rescue_usd_per_day, WAD),
        absorb=table.absorb,
        carrier_jitter_s=table.carrier_jitter_s,
        audit_every_s=table.audit_every_s,
    )
    reading = ReplicaPolicy(range_blocks=chain.range_blocks)
    replica = Replica(
        desk.endpoints, swaps.engine, chain.first_block, swaps.decimals, desk.store, reading
    )
    return LiquidationJob(desk, swaps, replica, policy)


def _service(config: Config) -> Hermes | None:
    table = config.oracle
    if table is None or table.service is None:
        return None
    key = None
    if table.api_key_file is not None:
        try:
            key = config.at(table.api_key_file).read_text("utf-8").strip()
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
            raise ConfigError(problem, "name the key's file", field="oracle.api_key_file") from None
    return Hermes(table.service, key)


def _times(amount: Decimal, unit: int) -> int:
    """Return an amount in its smallest units, rounded down."""
    return int(amount * unit)
