"""The English sentence of each code of a reason (edge_ai/reasons.py): what logs, `--json` and older nodes show. The other languages are in
node/texts/*/reason.toml, and a test holds them against this list.

What a code takes never changes, neither in number nor in order, because other versions of the program read it: a sentence that takes
something else gets a new code. No sentence ends with `"]`. Called by edge_ai/reasons.py and node/texts/__init__.py.
"""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    # what the system says of a file, a disk or a network
    "connection-refused": "Connection refused",
    "connection-reset": "Connection reset by peer",
    "no-route": "No route to host",
    "network-unreachable": "Network is unreachable",
    "no-answer": "no answer",
    "disk-full": "No space left on device",
    "disk-quota": "Disk quota exceeded",
    "no-permission": "Permission denied",
    "read-only": "Read-only file system",
    "disk-error": "Input/output error",
    "no-such-file": "No such file or directory",
    # a camera as a whole
    "reading-failed": "reading camera {camera} failed by a fault of the program ({what}): please report it",
    "of-camera": "camera {camera}: {what}",
    "no-more-pictures": "camera {camera} gave no more pictures after {frames} frames: check camera and network",
    "file-unreadable": "camera {camera}: no picture could be read from the file: it is damaged or no video; copy it again",
    "no-picture": "it gave no picture: check camera and network",
    "switched-off": "switched off",
    "file-ended": "end of file after {frames} frames",
    "stalled": "no frame for {seconds} s",
    "stalled-damaged": "no frame for {seconds} s; {what}",
    "damaged": "{count} pictures did not arrive whole or in time: check network, camera and load",
    "shows-nothing": "it opens and shows no picture",
    "shows-nothing-why": "it opens and shows no picture: {what}",
    "look-silent": "camera {camera}: nothing came in {seconds} s from {address}: check address, network and that it is on",
    "look-ended": (
        "camera {camera}: the process that looked ended with status {status}: the stream may be damaged, or the picture too large"
    ),
    # files and USB cameras
    "in-file": "{file}: {what}",
    "file-folder": "{file} is a folder: name one video file in it",
    "file-absent": "{file} does not exist: correct `source` of the camera",
    "file-empty": "{file} is empty: copy the file again",
    "no-size": "no size of its pictures can be read, or an absurd one",
    "clip-empty": "clip {clip} gives no picture: name a whole video file",
    "not-a-video": "{file} does not open as a video: check that it is a whole video file",
    "clip-damaged": "{file} is damaged: {given} of {promised} frames readable; copy the file again",
    "clip-damaged-at": "{file} is damaged: picture {picture} cannot be read, or is of absurd size, and others follow; copy the file again",
    "not-a-device": "{device} is no camera device: give /dev/videoN",
    "device-closed": "{device} does not open: check that the device exists and nobody else uses it",
    "device-gone": "the device gives no pictures: check its cable",
    # RTSP cameras
    "at-address": "{address}: {what}",
    "address-bad": "its address refused: it has spaces, control characters or too many characters",
    "address-not-rtsp": "its address refused: give rtsp://HOST[:PORT]/PATH, and write special characters of a password as %XX",
    "no-connection": "no connection to it ({what}): check address, network and that the camera is on",
    "silent": "it is silent",
    "connection-broke": "the connection broke: {what}",
    "connection-closed": "it closed the connection",
    "opening-interrupted": "opening was interrupted",
    "reading-interrupted": "reading was interrupted",
    "unknown-login": "it asks for a login of a kind that is not known here: allow Digest at the camera",
    "login-refused": "user or password refused: correct the login of the camera's address",
    "login-wanted": "it asks for user and password: correct the login of the camera's address",
    "answers": "it answers {method} with {status} {words}: {way_out}",
    "allow-user": "allow this user to watch the stream",
    "check-path": "check the path of the address",
    "no-bandwidth": "the camera has no bandwidth left: end other viewers",
    "allow-tcp": "the camera refuses RTP over TCP: allow it there",
    "no-place": "the camera has no place left: end other viewers",
    "no-answer-to": "it sent {messages} messages and no answer to {method}",
    "no-session": "it opened no session: its SETUP has no Session header",
    "session-forgotten": "it forgot the session (454)",
    "offers-other": "it offers {offered}: set this stream of the camera to H.264 or H.265",
    "offers-payload": "it offers payload type {type}: expected 0 to 127",
    "other-payload": "it changed its stream to payload type {type}: it is opened anew",
    "not-rtsp-byte": "byte {byte} where a message or packet begins: it does not speak RTSP",
    "not-rtsp-line": "a message without a readable first line: it does not speak RTSP",
    "head-too-large": "a message head of more than {most} bytes refused",
    "body-too-large": "a message body of {bytes} bytes refused: at most {most}",
    "no-video": "no video at all",
    "picture-size": (
        "pictures of {width}x{height} refused: at least {least} a side and at most {most} pixels; set the camera to a smaller size"
    ),
    "not-decodable": "its pictures cannot be decoded",
    "not-decodable-again": "its pictures cannot be decoded: {attempts} attempts in a row",
    "nothing-to-show": "no picture for {seconds} s that can be shown ({damaged} damaged): let the camera send a key picture every 1 to 5 s",
    "sets-short": "parameter set refused: it ends too early",
    "sets-number": "parameter set refused: a number of more than 31 bits",
    "sets-layers": "parameter set refused: {count} sub-layers, at most {most}",
    "sets-shape": "parameter set refused: MPEG-4 with a shape other than a rectangle",
    "sets-many": "{count} parameter sets refused: at most {most}; the stream is no video",
    # frame rings and processes
    "ring-unmade": "frame ring {ring} cannot be made in {folder}: {what}; name a writable [edge] ring_dir",
    "ring-no-room": "no room for a frame ring of {mib} MiB in {folder}: {what}; free space there, or name another [edge] ring_dir",
    "description-unreadable": "worker description {file} cannot be read: {what}",
    "description-too-large": "worker description {file} refused: over {most} bytes",
    "ring-folder": "no folder for frame rings: {folder}: {what}",
    "process-not-started": "{process} cannot be started: {what}",
    "process-ended": "{process} ended with status {status}",
    "process-silent": "{process} said nothing for {seconds} s and was ended",
    "process-ended-saying": "{process} ended with status {status}: {what}",
    "inference-hung": "analysis of camera {camera} did not end within {seconds} s",
    "caller-broke": "analysis of camera {camera} broke its caller: see the lines above",
    "loading-broke": "loading of version {version} broke: see the lines above",
    "struck-out": "analysis of camera {camera} hung or broke {times} times in a row: give it another algorithm or model",
    # what a box can do
    "no-capacity": (
        "camera {camera} refused: it asks {asked} ms of CPU a second, {left} of {all} are left ({share} of {cores} cores); lower "
        "analysed_fps, use a sub-stream or mode keyframe, or set over_capacity of [edge] to degrade"
    ),
    "measurement-bad": "measurement of this box refused: {what}; measure again with `yunnao bench ai`",
    "slowed": (
        "analysed at {fps} of {wanted} pictures/s: it asks {asked} ms of CPU a second, {left} of {all} are left ({share} of {cores} cores)"
    ),
    # algorithms and models of a camera
    "demo-only": (
        "algorithm {algorithm} refused for camera {camera}: it knows only rendered scenes; use motion-object, or an algorithm with "
        "scope field and its own model"
    ),
    "unknown-algorithm": (
        "camera {camera} names algorithm {algorithm}: known are {known}; `yunnao model import` brings another, `yunnao model activate` "
        "makes it live"
    ),
    "manifest-unreadable": "manifest of algorithm {algorithm} cannot be read ({what}): import it again",
    "camera-model-absent": "camera {camera}: model {model} is not a file; set `model` of the camera to an ONNX file of family {family}",
    "camera-model-other": (
        "camera {camera}: model {model} has sha256 {found}..., the manifest of {algorithm} says {wanted}...: install it again"
    ),
    "not-a-classifier": "algorithm {algorithm} is of family {family}: a second stage is a classifier",
    "model-inputs": (
        "model {model} refused: {count} inputs, expected one picture; give the model of this family, or name the right family in the "
        "algorithm's manifest"
    ),
    "model-no-output": (
        "model {model} refused: no output {output}, found {found}; give the model of this family, or name the right family in the "
        "algorithm's manifest"
    ),
    "model-output-shape": (
        "model {model} refused: output {output} expected shape {wanted}, found {found}; give the model of this family, or name the "
        "right family in the algorithm's manifest"
    ),
    "model-outputs": (
        "model {model} refused: {count} outputs, expected one of shape {wanted}; give the model of this family, or name the right "
        "family in the algorithm's manifest"
    ),
    "model-one-output": (
        "model {model} refused: expected one output of shape {wanted}, found {found}; give the model of this family, or name the right "
        "family in the algorithm's manifest"
    ),
    "model-boxes": (
        "model {model} refused: expected an output of shape [1, N, {size}], found {found}; give the model of this family, or name the "
        "right family in the algorithm's manifest"
    ),
    "model-open-shape": "model {model} refused: output {output} has no fixed shape, found {found}; import it again",
    "model-failed": "model {model} failed on a picture: {what}",
    "model-input-shape": (
        "model {model} refused: input {input} expected float [1, 3, height, width] with sides of 32 to 2048, found {kind} {found}; "
        "give the model of this family, or name the right family in the algorithm's manifest"
    ),
    "model-absent": "model {model} is not a file: put the model there or correct `model` of the camera",
    "model-too-large": "model {model} refused: {bytes} bytes, at most {most}",
    "model-does-not-load": "model {model} does not load: {what}; check that the file is whole (sha256)",
    "model-priors": "model {model} refused: it gives {count} boxes, its priors make {made}; correct --priors",
    "not-a-file": "{file} is not a file: name an ordinary one",
    "asks-memory": "it asks for {mib} MiB at once, more than a model is given",
    # rules
    "rule-other-classes": (
        "rule {rule} of camera {camera} wants {wanted}: algorithm {algorithm} finds {found}; change the rule's classes or the algorithm"
    ),
    "stage-absent": (
        "rule {rule} of camera {camera} names second stage {stage}, which is not installed: import it, or leave second_stage empty to "
        "take the detector's word"
    ),
    "stage-other-classes": "rule {rule} of camera {camera} wants second_class {wanted}: {stage} says {found}",
    "places-unwritable": "place memory {file} cannot be written: {what}; free space on the disk",
    "rule-no-ground": "rule {rule} of kind speed needs the camera's ground plane: give `ground` of the camera",
    "places-unreadable": "place memory {file} cannot be read: {what}",
    "places-damaged": "place memory {file} is damaged and now lies as {aside}: {what}; parked things may be reported once more",
    "places-stuck": "place memory {file} is damaged ({damage}) and cannot be set aside: {what}",
    # events and their pictures
    "events-unreadable": "{count} events that waited in {folder} could not be read and are lost: check the disk",
    "event-in-memory": "event {event} is in memory alone: {folder}/ takes no file ({what}); {way_out}",
    "event-bare": "event {event} lost its picture: {what}; {way_out}",
    "event-no-original": "the original of event {event} is not kept: {what}",
    "event-no-boxes": "the boxes of event {event}'s clip are not kept: {what}",
    "picture-not-coded": "no jpeg of at most {bytes} bytes from a picture of {width}x{height}: lower the camera's resolution",
    "disk-floor": "the disk is nearly full",
    "disk-refused": "the disk refuses",
    "node-behind": "the node takes nothing over",
    "not-kept": "this process was given no folder for it",
    "free-disk": "free disk space",
    "free-quota": "raise the quota of the node's user, or free its space",
    "give-folder": "give the node's user its folder back",
    "mount-again": "mount the disk for writing again, after a look at why it is not",
    "look-at-disk": "look at the disk: it fails",
    "look-at-folder": "look at the disk and at the folder of the node",
    # a new model beside the one before, and after it
    "runs-watched": "{model}, watched",
    "runs-shadow": "{model}, in shadow: {shadow}",
    "runs-watched-shadow": "{model}, watched, in shadow: {shadow}",
    "died": "processes ended while they tried it: it crashes or hangs",
    "failed-in-shadow": "it failed on {failed} of {pictures} pictures in shadow",
    "failed-live": "it failed on {failed} of {pictures} pictures",
    "in-shadow": "in shadow {what}",
    "slower": "it took {new} ms a picture, the one before {old}: more than {times} times",
    "other-rate": "it found {new} things a picture, the one before {old}: outside {low} to {high} times",
    "did-in-shadow": "in shadow for {pictures} pictures: {new} things a picture (before {old}), {new_ms} ms (before {old_ms})",
    "did-live": "live for {pictures} pictures: {new} things a picture (before {old}), {new_ms} ms (before {old_ms})",
    "other-classes": "algorithm {algorithm} {version} knows other classes than {live}: import it under another id",
    # the library of models
    "library-full": (
        "{what} refused: its {bytes} bytes and the {used} that are here are over {most}; "
        "`yunnao model remove` what no camera uses, or raise edge.models_quota_mb"
    ),
    "library-disk-low": "{what} refused: its {bytes} bytes would leave {left} on the disk, at least {least} stay free",
    "still-not-coded": "the picture of {width}x{height} could not be written as JPEG",
    "file-unwritable": "{file} cannot be written ({what})",
    "out-folder-unmade": "folder {folder} for the pictures cannot be made: {what}; name another with --out",
    "out-picture-unwritable": "picture {picture} cannot be written: {what}; name another folder with --out",
    "library-state-damaged": "{file} is damaged ({what}): remove it, then `yunnao model activate {algorithm} VERSION`",
    "version-absent": "algorithm {algorithm} {version} is not here: versions are {known}; `yunnao model list` shows all",
    "package-card-other": "package {algorithm} {version} refused: its card is of {other} {other_version}; import it again",
    "library-counts-damaged": "{file} is damaged ({what}): remove it, it only counts",
    "package-other-content": "algorithm {algorithm} {version} is here with other content: give the new one another --version",
    "package-other-classes": (
        "algorithm {algorithm} {version} refused: it knows {count} classes that are not the {live_count} of the live version {live}; "
        "rules name classes, so give it another --id"
    ),
    "nothing-to-compare": (
        "algorithm {algorithm} has no other live version to compare {version} with: `yunnao model activate {algorithm} {version}`"
    ),
    "no-version-before": "algorithm {algorithm} has no version to go back to: import one, or `yunnao model activate {algorithm} VERSION`",
    "version-live": "algorithm {algorithm} {version} is live: activate another version first, or give --live",
    "library-unwritable": "library {folder} cannot be written ({what}): free space, then again",
    "too-many-algorithms": "algorithm {algorithm} refused: {count} are here, at most {most}; `yunnao model remove` one",
    "too-many-versions": "algorithm {algorithm} has {count} versions, at most {most}: `yunnao model remove` one",
    "library-unusable": "library {folder} cannot be used ({what}): check its owner and mode",
    "manifest-too-large": "manifest of algorithm {algorithm} refused: over {most} bytes",
    "manifest-bad": "manifest of algorithm {algorithm} refused: {what}",
    "manifest-unknown-keys": "manifest of algorithm {algorithm} has unknown keys {keys}: remove them",
    "manifest-ill-formed": (
        "manifest of algorithm {algorithm} refused: id must be the folder's name, classes not empty, thresholds inside 0-1"
    ),
    "package-too-large": "package {algorithm} {version} refused: {bytes} bytes, at most {most}",
    "package-card-unreadable": "package {package} refused: {file} cannot be read ({what})",
    "package-lacks": "package {package} refused: it lacks {files}",
    "package-card-form": "package {package} refused: {file} is not in canonical form {format}; get the package again",
    "package-strange-file": "package {algorithm} {version} refused: {file} is not on its card; remove it",
    "package-file-changed": "package {algorithm} {version} refused: {file} is not what its card says; import or fetch it again",
    "file-unreadable-why": "{file} cannot be read ({what}): check its path and mode",
    "file-too-large": "{file} refused: over {most} bytes",
    "package-unwritable": "package {algorithm} {version} cannot be written ({what}): free space, then again",
}
"""By code; what it takes stands in braces."""
