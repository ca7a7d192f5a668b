#!/usr/bin/env python3
"""Handles every alert of one board once and in order, whatever happens to this program, the broker or the network.

A live alert is handled when it is the next one. Anything else (a hole, a digest, another epoch, the time this program was
away) is asked for with request/events, which answers from the board's own database. What was handled last is on the disk;
killed between handling an alert and noting it, the program handles that one again.
Usage: every_alert.py BROKER[:PORT] DEVICE STATE_FILE. Needs paho-mqtt.
"""

import json
import os
import sys
import time
import uuid

import paho.mqtt.client as mqtt

ASK_AGAIN_S = 10


class Numbers:
    """Epoch and number of the last alert that was handled. None: nothing yet, and what was before is not wanted."""

    def __init__(self, path):
        self.path = path
        self.epoch, self.seq = None, None
        if os.path.exists(path):
            with open(path) as file:
                self.epoch, self.seq = json.load(file)

    def keep(self, epoch, seq):
        self.epoch, self.seq = epoch, seq
        # All of it or nothing, also when the power goes.
        with open(self.path + ".tmp", "w") as file:
            json.dump([epoch, seq], file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".tmp", self.path)


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
        body = json.loads(message.payload)
        if message.topic == f"{self.root}/alert":
            self.live(body)
        elif message.topic == f"{self.root}/response/{self.asked}":
            self.answered(body)

    def live(self, alert):
        if self.numbers.seq is None:
            self.numbers.keep(alert["epoch"], alert.get("first", alert["seq"]) - 1)
        if alert["epoch"] == self.numbers.epoch and alert["seq"] <= self.numbers.seq:
            return  # It has come again.
        is_next = alert["epoch"] == self.numbers.epoch and alert["seq"] == self.numbers.seq + 1
        if self.asked is not None:
            self.again = True
        elif is_next and alert.get("type") != "digest":
            self.take(alert)
        else:
            self.ask()

    def ask(self):
        self.asked, self.again = uuid.uuid4().hex, False
        request = {"id": self.asked, "counter": "alert", "afterSeq": self.numbers.seq}
        self.client.publish(f"{self.root}/request/events", json.dumps(request), qos=1)

    def answered(self, answer):
        if not answer["ok"]:
            # Too many requests, mostly: `tick` asks again.
            print(answer["error"]["message"], file=sys.stderr)
            return
        if answer["epoch"] != self.numbers.epoch:
            # Another database: its numbers begin with 1.
            self.numbers.keep(answer["epoch"], 0)
            return self.ask()
        for alert in answer["messages"]:
            self.take(alert)
        if answer["more"] or self.again:
            return self.ask()
        # Numbers that did not come have been pruned on the board, or a `gap` has told of them.
        self.numbers.keep(answer["epoch"], max(self.numbers.seq, answer["lastSeq"]))
        self.asked = None

    def take(self, alert):
        if alert["seq"] > self.numbers.seq:
            self.handle(alert)
            self.numbers.keep(alert["epoch"], alert["seq"])

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
