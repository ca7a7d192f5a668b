#!/usr/bin/env python3
"""Publishes the perception feed of Vedette as vision_msgs/Detection2DArray, one ROS 2 topic per camera.

Settings are ROS parameters, see docs/ros2.md. Run: python3 vedette_bridge.py --ros-args -p host:=192.168.1.20
Needs rclpy, vision_msgs 4 (Humble or later) and paho-mqtt; for format:=cbor also cbor2.
"""

import json
import re
import sys

import paho.mqtt.client as mqtt
import rclpy
from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

PARAMETERS = {
    "host": "localhost",
    "port": 1883,
    "user": "",
    "password": "",
    # One device and one camera, or + for all of them.
    "device": "+",
    "camera": "+",
    # json, or cbor where mqtt.detectionsFormat of the board has it.
    "format": "json",
    # Pixels of the image that the boxes are wanted for.
    "width": 1280,
    "height": 720,
    # capture: the time at which the board took the frame. age: now, less the age of the message: for clocks that differ.
    "stamp": "capture",
    # Objects that Vedette has not confirmed yet, and those that it did not see in this frame but still follows.
    "unconfirmed": False,
    "unseen": False,
}


class Feed(dict):
    """One message of Vedette. What is none raises exceptions of many kinds."""

    @classmethod
    def parse(cls, payload, form):
        if form == "json":
            return cls(json.loads(payload))
        import cbor2

        return cls(cbor2.loads(payload))

    def capture_time(self):
        stamp = self["header"]["stamp"]
        return Time(sec=int(stamp["sec"]), nanosec=int(stamp["nanosec"]))

    def detections(self, unconfirmed, unseen):
        for detection in self["detections"]:
            seen = detection["results"][0]["hypothesis"]["score"] > 0
            if (unconfirmed or detection["confirmed"]) and (unseen or seen):
                yield detection


def to_array(feed, stamp, size, **which):
    """Detection2DArray of one message: lengths in pixels, one hypothesis per object, its track as id."""
    width, height = size
    array = Detection2DArray()
    array.header.stamp = stamp
    array.header.frame_id = feed["header"]["frame_id"]
    for source in feed.detections(**which):
        detection = Detection2D()
        detection.header = array.header
        detection.id = source["id"]
        detection.bbox.center.position.x = float(source["bbox"]["center"]["x"] * width)
        detection.bbox.center.position.y = float(source["bbox"]["center"]["y"] * height)
        detection.bbox.size_x = float(source["bbox"]["size_x"] * width)
        detection.bbox.size_y = float(source["bbox"]["size_y"] * height)
        for result in source["results"]:
            hypothesis = ObjectHypothesisWithPose()
            hypothesis.hypothesis.class_id = result["hypothesis"]["class_id"]
            hypothesis.hypothesis.score = float(result["hypothesis"]["score"])
            detection.results.append(hypothesis)
        array.detections.append(detection)
    return array


class Bridge(Node):
    def __init__(self):
        super().__init__("vedette_bridge")
        self.settings = {name: self.declare_parameter(name, value).value for name, value in PARAMETERS.items()}
        self.by_topic = {}
        self.client = client()
        if self.settings["user"]:
            self.client.username_pw_set(self.settings["user"], self.settings["password"])
        self.client.on_connect = self.connected
        self.client.on_subscribe = self.subscribed
        self.client.on_message = self.received
        # Connects in a thread of its own, and again whenever the connection is lost.
        self.client.connect_async(self.settings["host"], self.settings["port"])
        self.client.loop_start()

    def feed_topic(self):
        end = "/cbor" if self.settings["format"] == "cbor" else ""
        return f"vedette/{self.settings['device']}/camera/{self.settings['camera']}/detections{end}"

    def connected(self, client, _data, _flags, code, *_):
        # A number in paho-mqtt 1, a ReasonCode in 2; both are 0 where the broker lets the client in.
        if code != 0:
            reason = mqtt.connack_string(code) if isinstance(code, int) else code
            broker = f"{self.settings['host']}:{self.settings['port']}"
            self.get_logger().warning(f"the broker {broker} refuses the connection, trying again: {reason}")
            return
        # QoS 0: an old observation is worth less than none.
        client.subscribe(self.feed_topic(), qos=0)

    def subscribed(self, _client, _data, _number, codes, *_):
        # Numbers in paho-mqtt 1, ReasonCodes in 2; from 128 on the broker refuses.
        refused = [code for code in codes if getattr(code, "value", code) >= 128]
        if refused:
            self.get_logger().warning(f"the broker refuses the subscription to {self.feed_topic()}: {refused[0]}")
        else:
            self.get_logger().info(f"subscribed to {self.feed_topic()}")

    def received(self, _client, _data, message):
        try:
            self.publish(message)
        # Whatever a message does: an exception that leaves this function ends the thread of paho-mqtt, and the bridge
        # would be alive and deaf. The words are cut because some hold the whole message.
        except Exception as error:
            self.get_logger().warning(f"{message.topic}: message passed over: {error!r:.200}")

    def publish(self, message):
        feed = Feed.parse(message.payload, self.settings["format"])
        size = (self.settings["width"], self.settings["height"])
        which = {"unconfirmed": self.settings["unconfirmed"], "unseen": self.settings["unseen"]}
        array = to_array(feed, self.stamp(feed), size, **which)
        self.publisher(message.topic).publish(array)

    def stamp(self, feed):
        if self.settings["stamp"] == "capture":
            return feed.capture_time()
        now = self.get_clock().now().nanoseconds - int(feed["ageMs"] * 1_000_000)
        return Time(sec=now // 1_000_000_000, nanosec=now % 1_000_000_000)

    def publisher(self, topic):
        if topic not in self.by_topic:
            _, device, _, camera, *_ = topic.split("/")
            # Names in ROS have no '-' and do not begin with a digit.
            parts = [re.sub(r"^(?=\d)", "_", part.replace("-", "_")) for part in (device, camera)]
            name = "/".join(["vedette", *parts, "detections"])
            self.by_topic[topic] = self.create_publisher(Detection2DArray, name, qos_profile_sensor_data)
        return self.by_topic[topic]

    def close(self):
        self.client.loop_stop()
        self.client.disconnect()
        self.destroy_node()


def client():
    """paho-mqtt 1 and 2 are made differently."""
    version = getattr(mqtt, "CallbackAPIVersion", None)
    return mqtt.Client() if version is None else mqtt.Client(version.VERSION2)


def main():
    rclpy.init(args=sys.argv)
    bridge = Bridge()
    try:
        rclpy.spin(bridge)
    except KeyboardInterrupt:
        pass
    finally:
        bridge.close()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
