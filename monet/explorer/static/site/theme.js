// Light or dark, as the visitor's system has it or as the address asks: ?__theme=dark, the same as in the app.

export function followTheme() {
  const asked = new URLSearchParams(location.search).get("__theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.body.classList.toggle("dark", asked ? asked === "dark" : dark.matches);
  dark.addEventListener("change", follow);
  follow();
}
