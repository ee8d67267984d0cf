// What the admin's pages do beyond unfold's own scripts. The pages carry no scripts: this file looks for what it knows.
"use strict";
{
    // A picture that cannot be loaded makes way for the placeholder.
    document.addEventListener(
        "error",
        ({ target }) => {
            if (target.matches?.("img.shop-picture")) {
                const placeholder = document.createElement("span");
                placeholder.className = "shop-picture shop-no-picture material-symbols-outlined";
                placeholder.textContent = "image";
                placeholder.ariaHidden = "true";
                target.replaceWith(placeholder);
            }
        },
        true,
    );

    // Rows that are dragged to their place also move by the arrow keys.
    const ROW = ".form-group.original";

    const move = (handle, key) => {
        const row = handle.closest(ROW);
        const other = key === "ArrowUp" ? row.previousElementSibling : row.nextElementSibling;
        if (!other?.matches(ROW)) {
            return;
        }
        key === "ArrowUp" ? other.before(row) : other.after(row);
        sortRecords({ from: row.parentElement }); // unfold's: numbers the rows
        handle.focus();
    };

    const makeMovable = (table) => {
        for (const handle of table.querySelectorAll(`${ROW} [x-sort\\:handle]`)) {
            handle.tabIndex = 0;
            handle.role = "button";
            handle.ariaLabel = "Move this row: drag it, or press the up or down arrow";
            handle.title = "Drag, or use the arrow keys";
            handle.addEventListener("keydown", (event) => {
                if (event.key === "ArrowUp" || event.key === "ArrowDown") {
                    event.preventDefault();
                    move(handle, event.key);
                }
            });
        }
        // A page whose rows were moved is one that is not saved yet: unfold warns when it hears an input.
        new MutationObserver(() => {
            table.querySelector("input")?.dispatchEvent(new Event("input", { bubbles: true }));
        }).observe(table, { childList: true });
    };

    // What stands in a table's cell is called by its column, a search box by what it says inside: unfold names neither.
    const nameInputs = (root) => {
        for (const input of root.querySelectorAll("input:not([type=hidden]), select, textarea")) {
            if (!input.labels?.length && !input.ariaLabel) {
                input.ariaLabel = input.closest("td[data-label]")?.dataset.label || input.placeholder || null;
            }
        }
    };

    // Icons are letters of a font, spelled out: "add". They are not read aloud, unless they are all that there is.
    const hideIcon = (icon) => {
        icon.ariaHidden = "true";
        const owner = icon.closest("a, button");
        if (owner && !owner.ariaLabel && !owner.title && owner.textContent.trim() === icon.textContent.trim()) {
            owner.ariaLabel = icon.textContent.trim().replaceAll("_", " ");
        }
    };

    // Links that lead nowhere but do something are buttons, for the keyboard too.
    const makeButton = (link) => {
        link.tabIndex = 0;
        link.role = "button";
        link.addEventListener("keydown", (event) => {
            if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                link.click();
            }
        });
    };

    window.addEventListener("load", () => {
        document.querySelectorAll("table[data-ordering-field]").forEach(makeMovable);
        document.querySelectorAll("a:not([href])").forEach(makeButton);
        document.querySelectorAll(".material-symbols-outlined").forEach(hideIcon);
        nameInputs(document);
    });
    document.addEventListener("formset:added", (event) => nameInputs(event.target));
}
