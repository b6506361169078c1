<div role="group" id="{field}" tabindex="-1" aria-label="Contact">
<input type="hidden" name="{field}" value="{number}">
<?if contact?><a href="/contact/{contact.contact}" dir="auto">{contact.name}</a>
<?elif number?><em>A contact that is not there any more</em>
<?else?><span>Nobody</span><?end?>
<!-- Enter in a field presses the first button of its form, seen or not. That is to be this one, which saves. -->
<input type="submit" value="" hidden>
<button type="submit" class="secondary" name="choose" value="1" formnovalidate>Choose a contact …</button>
</div>
