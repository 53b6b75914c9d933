// Runs before the first paint, so that a chosen colour scheme never flashes the other one.
{
  const chosen = localStorage.getItem("theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
}
