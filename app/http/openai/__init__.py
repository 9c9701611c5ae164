"""Chat completions and models in OpenAI's shape, over the same Service: one answerer, published as the model `watchfloor`.

Asked: the last user message is the question, its pictures come as data: URIs; user and assistant messages before it are what was
said so far. The extra field `watchfloor` takes {asked_at, as_of, deadline_s, conversation, about} as the native route does.

Answered: `content` holds the supported claims, each a sentence with its citations as [1], [2], …, and a sentence on the verdict where
there is more to say than the claims do. What is not supported is left out of it. `annotations` says which marker is which
evidence; the extra field `watchfloor` is the whole answer of the native route. `usage` counts the tokens of the model that took
part, and is 0 where the evidence brief answered without one.

Taken and passed over, since no sampler or tool of the caller is at work here (the header x-watchfloor-ignored names what was): system
and developer messages, pictures of earlier messages, sampling and length settings, stop words, definitions of tools and
functions, and fields nobody knows. Refused with 400, since the reply would not be what was asked for: more than one
choice, log-probabilities, a forced tool call, messages of tools, a response format but text, audio, web search.
"""
