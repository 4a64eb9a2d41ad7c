// Light or dark theme: ?__theme=dark or light as in the app, else the system's setting.

export function followTheme() {
  const requested = new URLSearchParams(location.search).get("__theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.body.classList.toggle("dark", requested ? requested === "dark" : dark.matches);
  dark.addEventListener("change", follow);
  follow();
}
