/* Names the main part of each admin page for screen readers; the theme's own templates do not. */
document.addEventListener("DOMContentLoaded", () => document.getElementById("content")?.setAttribute("role", "main"));
