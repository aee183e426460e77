"""ETags: who has an answer already is told so (304), instead of being sent it again."""

from hashlib import blake2b

from fastapi import Request, Response

UNCHANGED = {"description": "Nothing has changed since the answer whose `ETag` was sent as `If-None-Match`."}


def revalidated(request: Request, response: Response) -> Response:
    """The answer with its ETag, or the news that the client has it. What is made while it is sent has none."""
    body = getattr(response, "body", None)
    if request.method != "GET" or response.status_code != 200 or not isinstance(body, bytes):
        return response
    tag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return response
