"""The one error that the sandbox raises on purpose."""


class SandboxError(Exception):
    """Something kept the sandbox from doing what was asked.

    `message` says what failed and why (it may end with the tail of a log), `hint` what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
