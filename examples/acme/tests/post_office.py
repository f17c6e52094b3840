"""A post office in memory, as httpx sees it."""

import json

import httpx


class PostOffice(httpx.MockTransport):
    """Keeps the members of lists by domain and name, and does what it is told."""

    def __init__(self, domains: dict[str, dict[str, list[str]]]) -> None:
        super().__init__(self._answer)
        self.domains = domains
        self.answers: list[httpx.Response] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.answers:
            return self.answers.pop(0)
        _, _, domain, _, *rest = request.url.path.split("/")
        lists = self.domains.get(domain)
        if lists is None:
            return httpx.Response(404, text=f"no domain {domain}")
        body = json.loads(request.content or "null")
        match request.method, rest:
            case "GET", []:
                return httpx.Response(200, json=[{"name": name, "members": lists[name]} for name in lists])
            case "POST", [] if body["name"] not in lists:
                lists[body["name"]] = body["members"]
            case "PUT", [name, "members"] if name in lists:
                lists[name] = body
            case _:
                return httpx.Response(409, text="it is there already, or it is not")
        return httpx.Response(204)
