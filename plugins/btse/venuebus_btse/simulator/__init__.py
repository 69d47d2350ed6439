"""A simulated BTSE spot venue that speaks the real protocol, oddities included, on one loopback port.

    simulator = BtseSimulator(rate=50.0)
    await simulator.start()
    table = simulator.config()          # what [venues.btse] must say
    simulator.faults.add(Fault(point="order.create.answer", action="cut"))

REST is under ``/spot/api/v3.3``, the WebSockets under ``/ws/spot`` and ``/ws/oss/spot``, and ``/_sim`` looks inside
and plays the other hand: ``GET state``; ``POST faults`` (one `Fault` or a list, ``[]`` clears), ``step``, ``reset``,
``orders`` (placed by hand by the same user), ``fill``, ``cancel``, ``drop`` (all WebSockets), ``rate``, ``flood``.

Faults
======

``match`` is looked for in the subject. REST points begin with the endpoint: ``order.create``, ``order.get``,
``order.amend``, ``order.cancel``, ``order.cancel_after``, ``open_orders``, ``trade_history``, ``fees``,
``market_summary``, ``price``, ``ohlcv``, ``orderbook``, ``trades``, ``time``, or ``rest`` for any of them.

=====================  ==================  ==========================================================================
point                  subject             actions
=====================  ==================  ==========================================================================
``wire.accept``        –                   any: the TCP connection is cut as soon as it is there
``wire.request``       request line        any: cut after ``after_bytes`` of the request (default 0: before reading)
``<endpoint>.request`` method, path and    before the work: ``cut``; ``drop`` (never answered, cut after ``seconds``);
                       query, body         ``delay`` (then as usual); ``refuse`` and ``error`` (``status`` from 100: an
                                           HTTP status, default 400 and 500, body ``text``; below 100: HTTP 200, a
                                           row of that status: 8, 15, -1, 17); ``ban`` (429 naming
                                           ``seconds``); ``forget`` (not found, or an empty list); ``lie`` (says it
                                           worked)
``<endpoint>.answer``  the same            after the work: ``cut`` (``after_bytes`` of the body, default not one
                                           byte); ``drop``; ``delay``; ``act_and_error`` (as ``error``); ``ban``;
                                           ``truncate``; ``nan``; ``garbage`` (``text``)
``ws.connect``         path                ``cut``; ``delay``; ``refuse`` (HTTP ``status``, default 503)
``ws.login``           –                   ``refuse`` (success false); ``drop``; ``delay``; ``cut``; ``garbage``
``ws.subscribe``       topic               ``refuse`` (missing from the answer); ``drop`` (no answer at all); ``cut``;
                                           ``garbage``; ``error`` (``status`` 1007 …; 1008, the default, closes)
``ws.ping``            spot or oss         ``drop`` (no pong); ``silence`` (nothing any more); ``delay``; ``cut``
``ws.snapshot``        topic               as below: the first frame of a topic
``ws.book``            symbol              ``gap`` (left out); ``cross``; ``nan``; ``truncate``; ``garbage``;
``ws.quote``           symbol              ``duplicate``; ``reorder`` (after the next, or late by ``seconds``);
``ws.trade``           symbol              ``delay``; ``drop``; ``silence`` (for ``seconds``, 0: for ever); ``cut``;
``ws.notification``    clOrderID, orderID  ``error`` (``status`` 1007, or 1008 which closes)
``ws.fill``            clOrderID, orderID
=====================  ==================  ==========================================================================

The body ``text`` may name a shape that the venue has answered with: ``shape1`` … ``shape4``, ``html``, ``empty``;
anything else is sent as it is. ``submits_by_client_id`` counts requests that arrived whole, acted upon or not;
``orders_by_client_id`` the orders made of them. ``injected`` lists what the script has done.
"""

from .flood import FloodReport
from .server import BtseSimulator
from .settings import API_KEY, API_SECRET, Quirks, RateRules, User

__all__ = ["API_KEY", "API_SECRET", "BtseSimulator", "FloodReport", "Quirks", "RateRules", "User"]
