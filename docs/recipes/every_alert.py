#!/usr/bin/env python3
"""Handles every alert of one board once and in order, whatever happens to this program, the broker or the network.

A live alert is handled when it is the next one. Anything else (a hole, a digest, another epoch, the time this program was
away) is asked for with request/events, which answers from the board's own database. What was handled last is on the disk;
killed between handling an alert and noting it, the program handles that one again. Where an older copy of the database is put
back on the board numbers are given out a second time: the program goes back to the newest alert that both have.
Usage: every_alert.py BROKER[:PORT] DEVICE STATE_FILE. Needs paho-mqtt.
"""

import json
import os
import sys
import time
import uuid

import paho.mqtt.client as mqtt

ASK_AGAIN_S = 10
# Alerts that are remembered: an older copy of the database that lacks more of them is gone through from its beginning.
REMEMBERED = 200


class Numbers:
    """Epoch, and [number, id] of the last alerts that were handled; the id is "" where no alert had the number, None where
    it is not known. No number: nothing yet, and what was before is not wanted."""

    def __init__(self, path):
        self.path = path
        self.epoch, self.handled = None, []
        if os.path.exists(path):
            with open(path) as file:
                self.epoch, handled = json.load(file)
            # A file of before has the last number alone.
            self.handled = handled if isinstance(handled, list) else [[handled, None]]

    @property
    def seq(self):
        return self.handled[-1][0] if self.handled else None

    def add(self, seq, alert_id):
        self.keep(self.epoch, [*self.handled, [seq, alert_id]])

    def keep(self, epoch, handled):
        self.epoch, self.handled = epoch, handled[-REMEMBERED:]
        # All of it or nothing, also when the power goes.
        with open(self.path + ".tmp", "w") as file:
            json.dump([self.epoch, self.handled], file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".tmp", self.path)

    def step_back(self, answer):
        """Forgets numbers that the board does not have, or has given to another alert. False: there are none."""
        ids = {alert["seq"]: alert["id"] for alert in answer["messages"]}
        shared = [
            [seq, alert_id]
            for seq, alert_id in self.handled
            if seq <= answer["lastSeq"] and (alert_id is None or ids.get(seq, alert_id) == alert_id)
        ]
        if shared == self.handled:
            return False
        self.keep(self.epoch, shared or [[0, None]])
        return True


class EveryAlert:
    def __init__(self, host, device, path, handle):
        self.root = f"vedette/{device}"
        self.numbers = Numbers(path)
        self.handle = handle
        # Id of the request that is on its way, and whether something has happened since.
        self.asked, self.again = None, False
        version = getattr(mqtt, "CallbackAPIVersion", None)
        self.client = mqtt.Client() if version is None else mqtt.Client(version.VERSION2)
        self.client.on_connect = self.connected
        self.client.on_message = self.received
        name, _, port = host.partition(":")
        self.client.connect_async(name, int(port or 1883))

    def connected(self, client, *_):
        client.subscribe([(f"{self.root}/alert", 1), (f"{self.root}/response/+", 1)])
        # What came while we were away.
        if self.numbers.seq is not None:
            self.ask()

    def received(self, _client, _data, message):
        try:
            body = json.loads(message.payload)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            print(f"{message.topic}: not a message of the board, left out", file=sys.stderr)
        elif message.topic == f"{self.root}/alert":
            self.live(body)
        elif message.topic == f"{self.root}/response/{self.asked}":
            self.answered(body)

    def live(self, alert):
        if self.numbers.seq is None:
            self.numbers.keep(alert["epoch"], [[alert.get("first", alert["seq"]) - 1, None]])
        is_same = alert["epoch"] == self.numbers.epoch
        if is_same and [alert["seq"], alert.get("id")] in self.numbers.handled:
            return  # It has come again.
        is_next = is_same and alert["seq"] == self.numbers.seq + 1
        if self.asked is not None:
            self.again = True
        elif is_next and alert.get("type") != "digest":
            self.take(alert)
        else:
            self.ask()

    def ask(self, compare=True):
        """For what comes after our number; to compare, for the alert with our number too."""
        self.asked, self.again = uuid.uuid4().hex, False
        after = max(0, self.numbers.seq - 1) if compare else self.numbers.seq
        request = {"id": self.asked, "counter": "alert", "afterSeq": after}
        self.client.publish(f"{self.root}/request/events", json.dumps(request), qos=1)

    def answered(self, answer):
        if not answer["ok"]:
            # Too many requests, mostly: `run` asks again.
            print(answer["error"]["message"], file=sys.stderr)
            return
        if answer["epoch"] != self.numbers.epoch:
            # Another database: its numbers begin with 1.
            self.numbers.keep(answer["epoch"], [[0, None]])
            return self.ask()
        if self.numbers.step_back(answer):
            return self.ask()
        for alert in answer["messages"]:
            self.take(alert)
        if answer["more"] or self.again:
            return self.ask(compare=self.again)
        # Numbers that did not come have been pruned on the board, or a `gap` has told of them.
        if answer["lastSeq"] > self.numbers.seq:
            self.numbers.add(answer["lastSeq"], "")
        self.asked = None

    def take(self, alert):
        if alert["seq"] > self.numbers.seq:
            self.handle(alert)
            self.numbers.add(alert["seq"], alert["id"])

    def run(self):
        """Does not return. What was asked and not answered is asked again: board or broker may have been away."""
        self.client.loop_start()
        while True:
            before = self.asked
            time.sleep(ASK_AGAIN_S)
            if before is not None and before == self.asked:
                self.ask()


if __name__ == "__main__":
    EveryAlert(*sys.argv[1:4], handle=lambda alert: print(alert["seq"], alert["message"], flush=True)).run()
