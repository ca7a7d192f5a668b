# A real RTSP server for tests: a red picture with H.264 (or MJPEG where there is no encoder) at rtsp://127.0.0.1:PORT/cam.
# Arguments: port (0: any), Digest or Basic or none, user, password. Prints "ready PORT". Runs until it is killed.
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

Gst.init(None)
port, method, user, password = sys.argv[1:5]

server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)

factory = GstRtspServer.RTSPMediaFactory()
encoder = (
    "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 pt=96"
    if Gst.ElementFactory.find("x264enc")
    else "jpegenc ! rtpjpegpay name=pay0 pt=26"
)
picture = "videotestsrc is-live=true pattern=red ! video/x-raw,width=320,height=240,framerate=15/1"
factory.set_launch(f"( {picture} ! videoconvert ! {encoder} )")
factory.set_shared(True)

if method != "none":
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "owner")
    auth = GstRtspServer.RTSPAuth()
    if method == "Digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("owner", "media.factory.access", True)
    permissions.add_permission_for_role("owner", "media.factory.construct", True)
    factory.set_permissions(permissions)

server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print("ready", server.get_bound_port(), flush=True)
GLib.MainLoop().run()
