// Copies the text with its italics and headings, for a word processor, and as plain text for an editor.
{
  const text = document.getElementById("text"), copied = document.getElementById("copied");

  const select = () => {
    const range = document.createRange(), selection = getSelection();
    range.selectNodeContents(text);
    selection.removeAllRanges();
    selection.addRange(range);
  };

  document.getElementById("copy").addEventListener("click", async () => {
    const forms = { "text/html": text.innerHTML.trim(), "text/plain": text.innerText };
    try {
      const blobs = Object.entries(forms).map(([type, form]) => [type, new Blob([form], { type })]);
      await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
      copied.textContent = "Copied: paste it into your manuscript.";
    } catch { // an older browser, or one that does not let pages copy
      select();
      copied.textContent = "Selected: copy it with Ctrl+C, or ⌘C on a Mac.";
    }
  });
}
