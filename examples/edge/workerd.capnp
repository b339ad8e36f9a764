# One isolate: workerd serve workerd.capnp; a second: workerd serve workerd.capnp --socket-addr http=127.0.0.1:3001
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "agents", worker = .agents)],
  # An isolate is not told who connects to it: nobody but the proxy may be able to.
  sockets = [(name = "http", address = "127.0.0.1:3000", http = (), service = "agents")],
);

const agents :Workerd.Worker = (
  modules = [(name = "main.js", esModule = embed "dist/main.js")],
  compatibilityDate = "2026-06-01",
  compatibilityFlags = ["nodejs_compat"],
  bindings = [
    (name = "ISSUER", fromEnvironment = "ISSUER"),
    (name = "AUDIENCE", fromEnvironment = "AUDIENCE"),
    # The public half as a JWK: it checks tokens, and can make none.
    (name = "PUBLIC_KEY", fromEnvironment = "PUBLIC_KEY"),
  ],
);
