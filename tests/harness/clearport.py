"""Daemons as processes, and their operators, as the demo runs them too."""

from clearing.demo.daemon import CLI
from clearing.demo.daemon import BrokerDaemon as Broker
from clearing.demo.daemon import make_daemon as make_broker
from clearing.demo.desk import amounts, eventually, finished

__all__ = ["CLI", "Broker", "amounts", "eventually", "finished", "make_broker"]
