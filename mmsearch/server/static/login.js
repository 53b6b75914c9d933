/** The login: where to go on to, and whether the last try failed. */

const asked = new URLSearchParams(location.search);
document.getElementById("next").value = asked.get("next") ?? "/";
document.getElementById("wrong").hidden = !asked.has("failed");
